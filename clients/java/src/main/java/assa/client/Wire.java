package assa.client;

import com.google.gson.JsonObject;

/** One connection: JSON objects, one a line, both ways. */
interface Wire {

  /** Send a line, its LF included, as soon as can be; nothing happens where the connection is lost already. */
  void send(byte[] line);

  /** Close it; nothing is heard of it any more. */
  void close();

  /** Opens connections. */
  interface Opener {
    /** Begin to open one, and return at once. */
    Wire open(Ears ears);
  }

  /** Who hears of a connection. */
  interface Ears {
    void opened();

    void heard(JsonObject message);

    /** It could not be opened, or is lost; nothing comes after that. */
    void lost(String reason);
  }
}
