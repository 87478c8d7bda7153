export { connectionOf, type DatastoreConnection, placeOf } from "./connection.ts";
export { asKubernetes, type OpenedDatastore, type OpenOptions, openDatastore } from "./open-datastore.ts";
export {
  DATASTORE_TYPES,
  DEFAULT_ENDPOINT,
  SETTINGS,
  type SettingName,
  type Settings,
  settingsFromEnv,
} from "./settings.ts";
