"""What Eclipse Paho's client for Python does with a broker: `paho_client.py VERSION PORT` or `paho_client.py listeners JSON`.

Runs every scenario of the version and writes its name; the first that fails ends the program.
"""

import json
import queue
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

WATCHDOG = 20


class Peer:
    """A client with a thread of its own, that keeps what it receives."""

    def __init__(self, version, client_id="", clean=True, transport="tcp"):
        self.version, self.clean, self.received = version, clean, queue.Queue()
        self.connacks, self.ends, self.subacks = queue.Queue(), queue.Queue(), queue.Queue()
        session = {} if version == 5 else {"clean_session": clean}
        self.client = mqtt.Client(
            client_id, protocol=version, transport=transport, reconnect_on_failure=False, **session
        )
        self.client.on_message = lambda _client, _data, message: self.received.put(message)
        self.client.on_connect = lambda _client, _data, flags, code, *rest: self.connacks.put((flags, code, rest))
        self.client.on_disconnect = lambda *_: self.ends.put(True)
        self.client.on_subscribe = lambda _client, _data, _id, codes, *_: self.subacks.put([int_of(c) for c in codes])
        self.client.on_unsubscribe = lambda *_: self.subacks.put("unsubscribed")

    def connect(self, port, host="127.0.0.1", **properties):
        arguments = {}
        if self.version == 5:
            arguments = {"clean_start": self.clean, "properties": make(PacketTypes.CONNECT, **properties)}
        self.client.connect(host, port, keepalive=60, **arguments)
        self.client.loop_start()
        flags, code, rest = self.connacks.get(timeout=WATCHDOG)
        assert int_of(code) == 0, f"refused with {code}"
        self.session_present, self.connack = flags["session present"] == 1, rest[0] if rest else None
        return self

    def subscribe(self, *arguments, **more):
        self.client.subscribe(*arguments, **more)
        return self.subacks.get(timeout=WATCHDOG)

    def publish(self, topic, payload=None, qos=1, retain=False, **properties):
        arguments = {"properties": make(PacketTypes.PUBLISH, **properties)} if properties else {}
        info = self.client.publish(topic, payload, qos, retain, **arguments)
        info.wait_for_publish(WATCHDOG)
        assert info.is_published()

    def take(self, count=1):
        return [self.received.get(timeout=WATCHDOG) for _ in range(count)]

    def payloads(self, count):
        return [message.payload.decode() for message in self.take(count)]

    def cut(self):
        """Loses the connection without a DISCONNECT."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.ends.get(timeout=WATCHDOG)
        self.client.loop_stop()

    def close(self, **arguments):
        self.client.disconnect(**arguments)
        self.ends.get(timeout=WATCHDOG)
        self.client.loop_stop()


def int_of(code):
    return code.value if hasattr(code, "value") else code


def make(packet_type, **values):
    properties = Properties(packet_type)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def equal(actual, expected):
    assert actual == expected, f"expected {expected}, received {actual}"


def every_qos(version, port):
    sender, receiver = Peer(version).connect(port), Peer(version).connect(port)
    equal(receiver.subscribe([("q/0/ü", 0), ("q/+/large", 2), ("q/1", 1), ("q/2", 2)]), [0, 2, 1, 2])
    large = "x" * 300_000
    for qos in range(3):
        sender.publish("q/0/ü", "grüße", qos)
        sender.publish(f"q/{qos}/large", large, qos)
        messages = receiver.take(2)
        equal([(m.topic, m.payload.decode(), m.qos) for m in messages], [
            ("q/0/ü", "grüße", 0),
            (f"q/{qos}/large", large, qos),
        ])
    for number in range(500):
        sender.client.publish(f"q/{1 + number % 2}", str(number), qos=2)
    numbers = [int(payload) for payload in receiver.payloads(500)]
    for rest in range(2):  # Paho hands over those of QoS 2 when they are released.
        equal([number for number in numbers if number % 2 == rest], list(range(rest, 500, 2)))
    sender.close()
    receiver.close()


def retained(version, port):
    sender = Peer(version).connect(port)
    sender.publish("kept/a", "old", 1, True)
    sender.publish("kept/a", "new", 2, True)
    sender.publish("kept/b", "gone", 1, True)
    sender.publish("kept/b", "", 1, True)
    receiver = Peer(version).connect(port)
    receiver.subscribe("kept/#", 1)
    sender.publish("kept/a", "live", 0, True)
    equal([(m.payload.decode(), m.retain) for m in receiver.take(2)], [("new", True), ("live", False)])
    sender.publish("kept/a", "", 1, True)
    sender.close()
    receiver.close()


def callbacks(version, port):
    peer, apart = Peer(version).connect(port), queue.Queue()
    peer.client.message_callback_add("room/+/light", lambda _client, _data, message: apart.put(message.topic))
    peer.subscribe("room/#", 1)
    peer.publish("room/1/light", "on")
    peer.publish("room/1/door", "open")
    equal(apart.get(timeout=WATCHDOG), "room/1/light")
    equal(peer.payloads(1), ["open"])
    peer.client.unsubscribe("room/#")
    equal(peer.subacks.get(timeout=WATCHDOG), "unsubscribed")
    peer.subscribe("end", 1)
    peer.publish("room/1/door", "closed")
    peer.publish("end", "end")
    equal(peer.payloads(1), ["end"])
    peer.close()


def session(version, port):
    kept = {"SessionExpiryInterval": 60} if version == 5 else {}
    sleeper = Peer(version, "sleeper", clean=False).connect(port, **kept)
    equal(sleeper.session_present, False)
    sleeper.subscribe("s/#", 2)
    sleeper.cut()
    sender = Peer(version).connect(port)
    for number in range(50):
        sender.publish("s/n", str(number), number % 3)
    sleeper.connect(port, **kept)
    # MQTT 3.1 has no flag for it.
    equal(sleeper.session_present, version != 3)
    messages = sleeper.take(33)
    for qos in (1, 2):  # Paho hands over those of QoS 2 when they are released.
        equal([int(m.payload) for m in messages if m.qos == qos], list(range(qos, 50, 3)))
    sleeper.close()
    sender.close()
    Peer(version, "sleeper").connect(port).close()


def exactly_once(version, port):
    """The connection is lost again and again while messages of QoS 2 go both ways; Paho sends them again.

    All of them at once, whatever the receive maximum: so there are no more than that.
    """
    kept = {"SessionExpiryInterval": 60} if version == 5 else {}
    flaky = Peer(version, "flaky", clean=False).connect(port, **kept)
    flaky.subscribe("once", 2)
    for rounds in range(10):
        sent = [flaky.client.publish("once", f"{rounds} {number}", qos=2) for number in range(20)]
        flaky.cut()
        flaky.connect(port, **kept)
        for info in sent:
            info.wait_for_publish(WATCHDOG)
            assert info.is_published()
    flaky.publish("once", "end", 2)
    payloads = flaky.payloads(201)
    equal(sorted(payloads), sorted([*(f"{rounds} {number}" for rounds in range(10) for number in range(20)), "end"]))
    flaky.close()
    Peer(version, "flaky").connect(port).close()


def will(version, port):
    watcher = Peer(version).connect(port)
    watcher.subscribe("will/#", 2)
    for qos in range(3):
        peer = Peer(version, f"dying{qos}")
        peer.client.will_set(f"will/{qos}", "gone", qos, retain=True)
        peer.connect(port)
        peer.cut()
        equal([(m.topic, m.payload, m.qos) for m in watcher.take()], [(f"will/{qos}", b"gone", qos)])
        watcher.publish(f"will/{qos}", "", 1, True)
        watcher.take()
    tidy = Peer(version, "tidy")
    tidy.client.will_set("will/tidy", "gone", 1)
    tidy.connect(port).close()
    watcher.publish("will/end", "end")
    equal(watcher.payloads(1), ["end"])
    watcher.close()


def bridge_mode(version, port):
    """A bridge gets nothing of its own back, and retained messages as such."""
    bridge, sender = Peer(version), Peer(version).connect(port)
    bridge.client.enable_bridge_mode()
    bridge.connect(port)
    bridge.subscribe("bridged", 1)
    bridge.publish("bridged", "own", 1, True)
    sender.publish("bridged", "foreign", 1, True)
    equal([(m.payload.decode(), m.retain) for m in bridge.take()], [("foreign", True)])
    sender.publish("bridged", "", 1, True)
    bridge.close()
    sender.close()


def properties(_version, port):
    peer = Peer(5).connect(port)
    peer.subscribe("doc", options=SubscribeOptions(qos=1), properties=make(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=9))
    peer.publish(
        "doc",
        "{}",
        PayloadFormatIndicator=1,
        ContentType="application/json",
        ResponseTopic="answers",
        CorrelationData=b"\0\1\xff",
        MessageExpiryInterval=60,
        UserProperty=[("b", "1"), ("a", "ü"), ("b", "2")],
    )
    received = peer.take()[0].properties
    assert 50 < received.MessageExpiryInterval <= 60
    equal(
        (received.PayloadFormatIndicator, received.ContentType, received.ResponseTopic, received.CorrelationData),
        (1, "application/json", "answers", b"\0\1\xff"),
    )
    equal((received.UserProperty, received.SubscriptionIdentifier), ([("b", "1"), ("a", "ü"), ("b", "2")], [9]))
    for number in range(3):
        peer.publish("doc" if number == 0 else "", str(number), TopicAlias=1)
    equal(peer.payloads(3), ["0", "1", "2"])
    assert peer.connack.AssignedClientIdentifier != ""
    peer.close()


def options(_version, port):
    peer, other = Peer(5).connect(port), Peer(5).connect(port)
    other.publish("opt/kept", "old", 1, True)
    choices = {
        "opt/kept": SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND),
        "opt/mine": SubscribeOptions(qos=1, noLocal=True),
    }
    equal(peer.subscribe(list(choices.items())), [1, 1])
    peer.publish("opt/mine", "own")
    other.publish("opt/mine", "foreign")
    other.publish("opt/kept", "new", 1, True)
    equal([(m.payload.decode(), m.retain) for m in peer.take(2)], [("foreign", False), ("new", True)])
    other.publish("opt/kept", "", 1, True)
    peer.close()
    other.close()


def shared(_version, port):
    workers, sender = [Peer(5).connect(port) for _ in range(3)], Peer(5).connect(port)
    for worker in workers:
        worker.subscribe([("$share/group/jobs", SubscribeOptions(qos=1)), ("end", SubscribeOptions(qos=1))])
    for number in range(60):
        sender.publish("jobs", str(number))
    sender.publish("end", "end")
    taken = []
    for worker in workers:
        taken += iter(lambda: worker.payloads(1)[0], "end")
        worker.close()
    equal(sorted(taken, key=int), [str(number) for number in range(60)])
    sender.close()


def receive_maximum(_version, port):
    slow, sender = Peer(5).connect(port, ReceiveMaximum=1), Peer(5).connect(port)
    slow.subscribe("slow", options=SubscribeOptions(qos=2))
    for number in range(100):
        sender.client.publish("slow", str(number), qos=2)
    equal(slow.payloads(100), [str(number) for number in range(100)])
    slow.close()
    sender.close()


def delayed_will(_version, port):
    watcher = Peer(5).connect(port)
    watcher.subscribe("late/#", options=SubscribeOptions(qos=1))
    flaky = Peer(5, "late", clean=False)
    will_properties = make(PacketTypes.WILLMESSAGE, WillDelayInterval=60, ContentType="text/plain")
    flaky.client.will_set("late/will", "gone", 1, properties=will_properties)
    flaky.connect(port, SessionExpiryInterval=120).cut()
    flaky.connect(port, SessionExpiryInterval=120)
    equal(flaky.session_present, True)
    watcher.publish("late/marker", "no will yet")
    equal(watcher.payloads(1), ["no will yet"])
    # The end of the session is the end of the waiting.
    flaky.close(
        reasoncode=mqtt.ReasonCodes(PacketTypes.DISCONNECT, "Disconnect with will message"),
        properties=make(PacketTypes.DISCONNECT, SessionExpiryInterval=0),
    )
    message = watcher.take()[0]
    equal((message.topic, message.properties.ContentType), ("late/will", "text/plain"))
    watcher.close()


def listener(version, transport, port, tls):
    peer = Peer(version, transport=transport)
    if tls:
        peer.client.tls_set(**tls)
    peer.connect(port, host="localhost")
    peer.subscribe("tls", 2)
    for qos in range(3):
        peer.publish("tls", "x" * 100_000, qos)
        equal([(m.qos, len(m.payload)) for m in peer.take()], [(qos, 100_000)])
    peer.close()


ALWAYS = [every_qos, retained, callbacks, session, exactly_once, will]
ONLY = {3: [], 4: [bridge_mode], 5: [properties, options, shared, receive_maximum, delayed_will]}


def main(what, argument):
    if what == "listeners":
        for (name, arguments) in json.loads(argument).items():
            for version in (3, 4, 5):
                listener(version, **arguments)
            print(name, flush=True)
        return
    version = int(what)
    for scenario in ALWAYS + ONLY[version]:
        scenario(version, int(argument))
        print(scenario.__name__, flush=True)


# A thread's failure must not pass unseen.
failures = []
threading.excepthook = lambda failure: (failures.append(failure), sys.__excepthook__(*failure[:3]))
main(*sys.argv[1:])
if failures:
    sys.exit(1)
print("end")
