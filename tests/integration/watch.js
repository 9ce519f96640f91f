// Watches, from before the page begins, what it does with the browser: `globalThis.watched`.
(() => {
  const video = (userId) => document.querySelector(`[data-test=video-${userId}]`);
  const marks = new WeakMap();
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
    /** Offer anew, at a certain moment. */
    offerAt(at) {
      setTimeout(() => watched.peers.at(-1).restartIce(), at - Date.now());
    },
    /** How loud it has been so far. */
    async energy() {
      const stats = [...(await watched.peers.at(-1).getStats()).values()];
      return stats.find((one) => one.type === 'inbound-rtp' && one.kind === 'audio').totalAudioEnergy;
    },
    /** Whether nothing is heard for a while. */
    async isSilent() {
      const before = await watched.energy();
      await new Promise((go) => setTimeout(go, 400));
      return (await watched.energy()) === before;
    },
    /** Begin to count the pictures of a user that are shown. */
    mark(userId) {
      marks.delete(video(userId));
    },
    /** Whether so many more have been shown since, in the same element. */
    advanced(userId, pictures) {
      const shown = video(userId)?.getVideoPlaybackQuality().totalVideoFrames;
      if (shown !== undefined && !marks.has(video(userId))) marks.set(video(userId), shown);
      return shown - marks.get(video(userId)) >= pictures;
    },
    /** Whether the picture of a user is dark all over, as that of a camera that is off. */
    isDark(userId) {
      const canvas = new OffscreenCanvas(8, 8).getContext('2d');
      canvas.drawImage(video(userId), 0, 0, 8, 8);
      return canvas.getImageData(0, 0, 8, 8).data.every((byte, at) => at % 4 === 3 || byte < 24);
    },
    /** Its width divided by its height. */
    shape(userId) {
      return video(userId).videoWidth / video(userId).videoHeight;
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
