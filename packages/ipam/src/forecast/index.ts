export { type ForecastOptions, forecastPools, type PoolForecast, type Trend } from "./forecast.ts";
export { type Past, readPast } from "./past.ts";
