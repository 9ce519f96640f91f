package assa.client;

/** Where the user's JWT comes from. */
@FunctionalInterface
public interface TokenSource {

  /**
   * Return a token that is still good, a new one where the last is about to expire.
   *
   * <p>Called before each CONNECT, once more where the server has refused the token, and a minute before it expires.
   *
   * @return The JWT.
   * @throws Exception Whatever keeps it from being had; the attempt to connect has failed then.
   */
  String token() throws Exception;
}
