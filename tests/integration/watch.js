// Watches, from before the page begins, what it does with the browser: `globalThis.watched`.
(() => {
  const watched = {
    peers: [],
    sockets: [],
    /** Offers that came while an own one was open: both sides offered at once. */
    collisions: 0,
    rollbacks: 0,
    async media() {
      const sum = { frames: 0, packets: 0, peers: 0 };
      for (const peer of watched.peers.filter((one) => one.connectionState !== 'closed')) {
        sum.peers += 1;
        for (const one of (await peer.getStats()).values()) {
          if (one.type === 'inbound-rtp' && one.kind === 'video') sum.frames += one.framesDecoded;
          if (one.type === 'inbound-rtp' && one.kind === 'audio') sum.packets += one.packetsReceived;
        }
      }
      return sum;
    },
  };
  globalThis.watched = watched;

  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given);
      watched.peers.push(this);
    }

    setLocalDescription(...given) {
      if (given[0]?.type === 'rollback') watched.rollbacks += 1;
      return super.setLocalDescription(...given);
    }
  };

  globalThis.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      watched.sockets.push(this);
      this.addEventListener('message', ({ data }) => {
        const { action, data: said } = JSON.parse(data);
        const open = watched.peers.some((one) => one.signalingState === 'have-local-offer');
        if (action === 'SDP' && said?.sdp_type === 'offer' && open) watched.collisions += 1;
      });
    }
  };
})();
