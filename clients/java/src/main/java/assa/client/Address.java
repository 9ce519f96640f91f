package assa.client;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/**
 * Where a server listens.
 *
 * @param host A name or a number.
 * @param port Its TCP port.
 * @param tls What a connection with TLS is made and verified with; null: no TLS.
 */
record Address(String host, int port, SSLContext tls) {
  private static final int OPEN_MS = 10_000;

  /** Return whether a name is this machine's own; nobody is asked. */
  static boolean isLoopback(String host) {
    return host.equals("localhost") || host.equals("::1") || host.equals("[::1]") || host.matches("127(\\.\\d+){3}");
  }

  /**
   * Connect a socket.
   *
   * @param socket A new one.
   * @return The socket to talk over, of which the given one is the lower end.
   */
  Socket connect(Socket socket) throws IOException {
    socket.setTcpNoDelay(true);
    socket.connect(new InetSocketAddress(host, port), OPEN_MS);
    if (tls == null) return socket;
    socket.setSoTimeout(OPEN_MS);
    SSLSocket secure = (SSLSocket) tls.getSocketFactory().createSocket(socket, host, port, true);
    SSLParameters parameters = secure.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS"); // else any certificate would do for any host
    secure.setSSLParameters(parameters);
    secure.startHandshake();
    socket.setSoTimeout(0);
    return secure;
  }
}
