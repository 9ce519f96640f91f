/** What carries messages: one JSON object, as text, at a time. */

export interface TransportEvents {
  opened(): void;
  heard(text: string): void;
  /** Called once, when it could not be opened, or the other side or the network has ended it. */
  lost(reason: string): void;
}

export interface Wire {
  send(text: string): void;
  /** Close it; it says nothing any more. */
  close(): void;
}

/** Begins to connect; tells nothing before it has returned. */
export type Transport = (events: TransportEvents) => Wire;
