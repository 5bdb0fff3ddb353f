/** Row counts of the last materializations, for the small plots beside the names of assets. */

import { Client } from '../client';
import { ROW_COUNTS } from './queries';

interface IAnswer {
  assetNodes: {
    assetKey: { path: string[] };
    assetMaterializations: { metadataEntries: { label: string; intRepr?: string }[] }[];
  }[];
}

const ROWS = /(^|\/)row_count$|^rows$/;

/** The row counts of each asset, oldest first; assets without one are not in the answer. */
export async function loadRowCounts(client: Client, keys: readonly string[]): Promise<Map<string, number[]>> {
  const { assetNodes } = await client.request<IAnswer>(ROW_COUNTS, { keys: keys.map(key => ({ path: key.split('/') })) });
  const found = new Map<string, number[]>();
  for (const { assetKey, assetMaterializations } of assetNodes) {
    const counts = assetMaterializations
      .map(one => Number(one.metadataEntries.find(entry => ROWS.test(entry.label))?.intRepr))
      .filter(count => Number.isFinite(count))
      .reverse();
    if (counts.length) {
      found.set(assetKey.path.join('/'), counts);
    }
  }
  return found;
}
