/**
 * What the broker says about its command line.
 *
 * @module
 */

/** The text of `--help`. */
export const HELP = `An MQTT 3.1, 3.1.1 and 5.0 broker.

Usage: deno run -A jsr:@x/mqtt/broker [options]
       deno run -A jsr:@x/mqtt/broker passwd ...    write password files; passwd --help says how
       deno run -A jsr:@x/mqtt/broker install-service
                                                    write a unit for systemd; install-service --help says how

Options:
  -c, --config-file FILE  read this mosquitto.conf
  -p, --port PORT         listen on this TCP port, 0 for any free one (default 1883); may be given several times.
                          Ignored if the configuration file has a listener
  -b, --host HOST         listen on this address, e.g. 0.0.0.0 or :: (default 127.0.0.1 and ::1). Not with -c
  -v, --verbose           log everything, whatever the configuration file says
  -d, --daemon            run in the background; without log_dest in the configuration file, log to syslog
      --test-config       check the configuration file, and the users, access rules, certificates and keys that it names,
                          and exit with status 0 if all is right, else 1
      --log-format FORMAT text (default) or json, one object a line
      --store FILE        keep sessions, messages of QoS 1 and 2 and retained messages in this SQLite file
      --durability LEVEL  what an acknowledgement outlives: full (default) also a loss of power, normal a crash
      --max-queued N      messages that may wait for one client (default 1000)
      --admin ADDRESS     show metrics, health, an API and a page on this port, or ADDRESS:PORT (default off; an
                          address that others can reach needs a token)
      --admin-token-file FILE
                          whoever asks there must show the token in this file
      --admin-cert FILE   encrypt it with this certificate (PEM), and the key in --admin-key FILE
      --admin-key FILE    the private key of the certificate (PEM)
  -h, --help              show this text
      --version           show the version

Without a configuration file anyone on this machine may connect, and with --host anyone who can reach that address:
put no more than loopback in reach of people that you do not trust.

Beside the options of Mosquitto, a configuration file may have limits of this broker's own, such as max_publish_rate,
max_connection_rate and max_subscriptions; broker/limits.md has all of them.

SIGINT and SIGTERM end the broker with status 0. SIGHUP reads the configuration file again: users, access rules,
certificates, listeners, bridges, the admin token, log settings and limits; clients that are still allowed stay. SIGUSR1
moves what is committed from the log beside the store's file into that file. SIGUSR2 logs what the broker holds, and its
subscriptions.
`;
