import { safeLink, shortValue } from '../model/format';
import type { IMetadataEntry, ITableSchema } from '../model/runs';

/** One metadata value. Text stays text: nothing that users' code wrote is ever parsed as HTML. */
export function MetadataValue(props: { entry: IMetadataEntry }): JSX.Element {
  const { entry } = props;
  switch (entry.__typename) {
    case 'IntMetadataEntry':
      return <>{entry.intRepr}</>;
    case 'FloatMetadataEntry':
      return <>{entry.floatRepr}</>;
    case 'BoolMetadataEntry':
      return <>{String(entry.boolValue)}</>;
    case 'PathMetadataEntry':
    case 'NotebookMetadataEntry':
      return <code>{entry.path}</code>;
    case 'UrlMetadataEntry':
      return <Link url={entry.url ?? ''} />;
    case 'MarkdownMetadataEntry':
      return <pre className="cm-text">{entry.mdStr}</pre>;
    case 'JsonMetadataEntry':
      return <pre className="cm-text">{entry.jsonString}</pre>;
    case 'TableSchemaMetadataEntry':
      return entry.schema ? <Schema schema={entry.schema} /> : <></>;
    case 'TableMetadataEntry':
      return entry.table ? <Table records={entry.table.records} schema={entry.table.schema} /> : <></>;
    default:
      return <>{entry.text ?? entry.description ?? ''}</>;
  }
}

/** A link where the address is harmless, its text otherwise. */
export function Link(props: { url: string }): JSX.Element {
  const href = safeLink(props.url);
  return href === null ? (
    <>{props.url}</>
  ) : (
    <a href={href} rel="noreferrer noopener" target="_blank">
      {props.url}
    </a>
  );
}

function Schema(props: { schema: ITableSchema }): JSX.Element {
  return (
    <ul className="cm-schema">
      {props.schema.columns.map(column => (
        <li key={column.name}>
          <code>{column.name}</code> <span className="cm-type">{column.type}</span>
        </li>
      ))}
    </ul>
  );
}

/** A cell of a preview: a number stands right, and short; all of it is its tooltip. */
function Cell(props: { value: unknown }): JSX.Element {
  const { value } = props;
  const isNumber = typeof value === 'number';
  return (
    <td className={isNumber ? 'cm-number' : ''} title={isNumber ? String(value) : undefined}>
      {shortValue(value)}
    </td>
  );
}

function Table(props: { records: string[]; schema: ITableSchema }): JSX.Element {
  const rows = props.records.map(record => JSON.parse(record) as Record<string, unknown>);
  const columns = props.schema.columns.map(column => column.name);
  return (
    <div className="cm-scroll">
      <table className="cm-table">
        <thead>
          <tr>
            {columns.map(name => (
              <th key={name} scope="col" className={rows.some(row => typeof row[name] === 'number') ? 'cm-number' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {columns.map(name => (
                <Cell key={name} value={row[name]} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
