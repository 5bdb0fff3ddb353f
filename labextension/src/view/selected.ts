import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { isSelection, matches } from '../model/graph';
import { selectKeys } from '../model/launch';

export interface ISelected {
  /** The indices of the assets that answer to the search; null for all. */
  wanted: ReadonlySet<number> | null;
  problem: string | null;
}

const ALL: ISelected = { wanted: null, problem: null };
/** Milliseconds of quiet before the server is asked. */
const QUIET_MS = 200;

/** The assets that a search means: words and fields are looked up here, the selection language is the server's. */
export function useSelected(model: CatalogueModel, search: string): ISelected {
  const [selected, setSelected] = useState<ISelected>(ALL);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const again = () => setTurn(now => now + 1);
    model.changed.connect(again);
    const isOfStates = /\b(state|status):/i.test(search);
    if (isOfStates) {
      model.stateChanged.connect(again);
    }
    return () => {
      model.changed.disconnect(again);
      model.stateChanged.disconnect(again);
    };
  }, [model, search]);
  useEffect(() => {
    const text = search.trim();
    if (!text) {
      setSelected(ALL);
      return;
    }
    const here = () => new Set(model.assets.filter(asset => matches(asset, text)).map(asset => asset.index));
    if (!isSelection(text)) {
      setSelected({ wanted: here(), problem: null });
      return;
    }
    let current = true;
    const timer = setTimeout(() => {
      selectKeys(model.client, text).then(
        keys => {
          const found = keys.flatMap(key => model.find(key)?.index ?? []);
          if (current) {
            setSelected({ wanted: new Set(found), problem: null });
          }
        },
        error => current && setSelected({ wanted: new Set(), problem: error.message })
      );
    }, QUIET_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [model, search, turn]);
  return selected;
}
