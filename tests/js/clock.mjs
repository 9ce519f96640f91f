/** A clock that stands still until it is told to go on, as Twisted's task.Clock. */

/** Let everything that is ready happen. */
export async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeClock {
  #time = Date.parse('2024-01-01T12:00:00Z');
  #number = 0;
  #timers = new Map();

  now = () => this.#time;

  setTimeout = (callback, ms) => {
    this.#number += 1;
    this.#timers.set(this.#number, { at: this.#time + ms, callback });
    return this.#number;
  };

  clearTimeout = (timer) => {
    this.#timers.delete(timer);
  };

  /** How long until each timer, milliseconds, the soonest first. */
  get waiting() {
    return [...this.#timers.values()].map((one) => one.at - this.#time).sort((a, b) => a - b);
  }

  /** Go on, from timer to timer, and let everything happen that is due. */
  async advance(ms) {
    await settle();
    const until = this.#time + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, one]) => one.at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#time = Math.max(this.#time, due[1].at);
      due[1].callback();
      await settle();
    }
    this.#time = until;
  }
}
