// What Grafana says a dashboard of ours is: its published types, in JSON's values.
import type { DataQuery, DataSourceRef, Dashboard, FieldConfig, FieldConfigSource, Panel } from "@grafana/schema";
import type { Options } from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// An enum of strings is written as one of them.
type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

// Prometheus' query has no published type but its package's own; these are the members every query has, and its two.
interface Query extends DataQuery {
  expr: string;
  legendFormat: string;
}

interface TimeSeries extends Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> {
  type: "timeseries";
  datasource: DataSourceRef;
  fieldConfig: Omit<FieldConfigSource, "defaults"> & { defaults: FieldConfig };
  options: Options;
  targets: Query[];
}

export type Board = Json<Omit<Dashboard, "panels"> & { panels: TimeSeries[] }>;
