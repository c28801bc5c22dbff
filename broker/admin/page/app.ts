/**
 * The admin page.
 *
 * @module
 */

import { ApiClient } from "./api_client.ts";
import { askForToken } from "./dialogs.ts";
import { Live } from "./live.ts";
import { MqttConsole } from "./mqtt_console.ts";
import { Shell } from "./shell.ts";
import { restoreTheme } from "./theme.ts";
import { bridges } from "./views/bridges.ts";
import { clients } from "./views/clients.ts";
import { log } from "./views/log.ts";
import { messages } from "./views/messages.ts";
import { overview } from "./views/overview.ts";
import { retained } from "./views/retained.ts";
import { sessions } from "./views/sessions.ts";
import { subscriptions } from "./views/subscriptions.ts";
import { topics } from "./views/topics.ts";

restoreTheme();
const api = new ApiClient(askForToken);
const live = new Live(api);
const views = { overview, clients, sessions, subscriptions, topics, retained, bridges, log, messages };
new Shell({ api, live, mqtt: new MqttConsole(api), views }).start();
void live.run();
