// Server-sent events, read as they come in pieces. An event counts once its empty line is there; an id that comes without
// data is a place, too, from which a stream that was cut goes on. EventSource tells nobody of those, and so cannot be asked
// where it was.
export interface ServerEvent { id: string; data: string }

export class EventReader {
  #rest = "";
  #id: string;
  #data: string[] = [];
  constructor(place = "") { this.#id = place; }

  /** The events that this piece completes, oldest first. */
  feed(piece: string): ServerEvent[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop()!;
    const whole: ServerEvent[] = [];
    for (const line of lines) {
      if (line === "") {
        whole.push({ id: this.#id, data: this.#data.join("\n") });
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (line.startsWith("id:")) this.#id = value;
      else if (line.startsWith("data:")) this.#data.push(value);
    }
    return whole;
  }
}
