/** Which columns a column is made from, across assets, as far as materializations have recorded it. */

import { Client } from '../client';
import { COLUMNS } from './queries';
import type { IColumnLineage, IKey, ITableSchema } from './runs';

/** Columns of one asset with what each is made from. */
export type IColumnsOf = ReadonlyMap<string, readonly IColumn[]>;

export interface IColumn {
  asset: string;
  column: string;
}

interface IAnswer {
  assetNodes: {
    assetKey: IKey;
    assetMaterializations: { metadataEntries: { lineage?: IColumnLineage[]; schema?: ITableSchema }[] }[];
  }[];
}

/** The columns of assets and what each is made from; of those without a recorded lineage, only the names. */
export async function loadColumns(client: Client, keys: readonly string[]): Promise<Map<string, IColumnsOf>> {
  const found = await client.request<IAnswer>(COLUMNS, { keys: keys.map(key => ({ path: key.split('/') })) });
  return new Map(
    found.assetNodes.map(({ assetKey, assetMaterializations }) => {
      const entries = assetMaterializations[0]?.metadataEntries ?? [];
      const columns = new Map<string, IColumn[]>();
      for (const { name } of entries.find(entry => entry.schema)?.schema?.columns ?? []) {
        columns.set(name, []);
      }
      for (const { columnName, columnDeps } of entries.find(entry => entry.lineage)?.lineage ?? []) {
        columns.set(columnName, columnDeps.map(dep => ({ asset: dep.assetKey.path.join('/'), column: dep.columnName })));
      }
      return [assetKey.path.join('/'), columns];
    })
  );
}

/** A column and all that it is made from, nearest first; each with the columns that it feeds. */
export async function traceColumn(client: Client, from: IColumn, maximum = 200): Promise<{ column: IColumn; of: IColumn | null }[]> {
  const known = new Map<string, IColumnsOf>();
  const found: { column: IColumn; of: IColumn | null }[] = [{ column: from, of: null }];
  const seen = new Set([`${from.asset}\n${from.column}`]);
  for (let at = 0; at < found.length && found.length < maximum; ) {
    const level = found.slice(at);
    at = found.length;
    const missing = [...new Set(level.map(one => one.column.asset))].filter(key => !known.has(key));
    if (missing.length) {
      (await loadColumns(client, missing)).forEach((columns, key) => known.set(key, columns));
    }
    for (const { column } of level) {
      for (const above of known.get(column.asset)?.get(column.column) ?? []) {
        const name = `${above.asset}\n${above.column}`;
        if (!seen.has(name)) {
          seen.add(name);
          found.push({ column: above, of: column });
        }
      }
    }
  }
  return found;
}
