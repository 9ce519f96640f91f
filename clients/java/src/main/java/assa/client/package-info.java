/**
 * A client of ASSA's protocol over TCP: chat and the signalling of calls, across lost connections.
 *
 * <p>Begin with {@link assa.client.AssaClient}. It is all that a program needs; what is not public here may change.
 */
package assa.client;
