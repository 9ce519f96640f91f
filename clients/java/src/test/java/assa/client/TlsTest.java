package assa.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Nobody but the server that is meant is talked to, where it is not this machine. */
@Timeout(20)
final class TlsTest {
  private static final char[] PASSWORD = "password".toCharArray();

  @TempDir static Path directory;
  private static SSLContext served;
  private static SSLContext trusting;

  /** Make a certificate for localhost, and not for 127.0.0.1. */
  @BeforeAll
  static void makeCertificate() throws Exception {
    Path store = directory.resolve("store.p12");
    Process keytool = new ProcessBuilder(
        Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-genkeypair", "-keyalg", "EC",
        "-dname", "CN=localhost", "-ext", "SAN=dns:localhost", "-keystore", store.toString(), "-storetype", "PKCS12",
        "-storepass", "password", "-alias", "server").inheritIO().start();
    assertEquals(0, keytool.waitFor());
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream stream = Files.newInputStream(store)) {
      keys.load(stream, PASSWORD);
    }
    KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    served = SSLContext.getInstance("TLS");
    served.init(managers.getKeyManagers(), null, null);
    Path pem = directory.resolve("certificate.pem");
    String text = Base64.getMimeEncoder().encodeToString(keys.getCertificate("server").getEncoded());
    Files.writeString(pem, "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----\n");
    trusting = Certificates.trusting(pem);
  }

  private static ToyServer server() throws IOException {
    return new ToyServer(served.getServerSocketFactory().createServerSocket(0, 10, InetAddress.getLoopbackAddress()));
  }

  /** Return why a client does not get a connection. */
  private static String refusal(ToyServer server, AssaClient.Builder builder) throws Exception {
    try (AssaClient client = builder.port(server.port()).token(() -> "secret token").build()) {
      CompletableFuture<Welcome> welcome = client.connect();
      assertThrows(IOException.class, () -> {
        server.accept();
        server.take("CONNECT");
      });
      ExecutionException failure = assertThrows(ExecutionException.class, () -> welcome.get(10, TimeUnit.SECONDS));
      return failure.getCause().getMessage();
    }
  }

  @Test
  void theServerThatIsMeant() throws Exception {
    try (ToyServer server = server();
        AssaClient client =
            AssaClient.builder("localhost").port(server.port()).tls(trusting).token(() -> "token").build()) {
      CompletableFuture<Welcome> welcome = client.connect();
      server.welcome();
      assertEquals("s1", welcome.get().sessionId());
    }
  }

  @Test
  void certificateOfAnotherName() throws Exception {
    try (ToyServer server = server()) {
      String refusal = refusal(server, AssaClient.builder("127.0.0.1").tls(trusting));
      assertTrue(refusal.contains("subject alternative names"), refusal);
    }
  }

  @Test
  void certificateOfNobodyKnown() throws Exception {
    try (ToyServer server = server()) {
      String refusal = refusal(server, AssaClient.builder("localhost").tls(true));
      assertTrue(refusal.contains("certification path"), refusal);
    }
  }

  /** Only to this machine is there no TLS unless it is asked for. */
  @Test
  void tlsIsTheDefault() throws Exception {
    InetAddress own = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    try (ServerSocket listening = new ServerSocket(0, 10, own);
        AssaClient client = AssaClient.builder("127.1").port(listening.getLocalPort()).token(() -> "token").build()) {
      client.connect();
      listening.setSoTimeout(10_000);
      try (Socket socket = listening.accept()) {
        assertEquals(0x16, socket.getInputStream().read()); // a handshake of TLS
      }
    }
    try (ToyServer server = new ToyServer();
        AssaClient client = AssaClient.builder("localhost").port(server.port()).token(() -> "plain token").build()) {
      client.connect();
      server.accept();
      assertTrue(server.take("CONNECT").toString().contains("plain token"));
    }
  }
}
