/** Tells listeners. */

export type Listener<T> = (detail: T) => void;

export class Emitter {
  readonly #listeners = new Map<string, Set<Listener<never>>>();

  /** Add a listener; return what takes it away again. */
  on<T>(name: string, listener: Listener<T>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  emit(name: string, detail: unknown): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<unknown>)(detail);
      } catch (error) {
        // A listener's defect is its own: it is reported like any, and the others are told all the same.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
