// A program that uses the published types, with assa.js. It is compiled, not run: each line that is wrong has to be found.

import { Connection } from './assa/assa.js';
import type { Answer, Answers, ErrorCode, Event, Events, FromServer, Request, Requests } from './assa.d.ts';

const connection = new Connection('wss://chat.example.org/ws', { token: async () => 'a token' });

async function ask<A extends keyof Answers & keyof Requests>(action: A, data: Requests[A]): Promise<Answers[A]> {
  return connection.request(action, data);
}

export async function right(): Promise<void> {
  const { rooms } = await ask('LIST_ROOMS', {});
  const last: string | undefined = rooms[0]?.last_message?.content;
  const sent = await ask('SEND_MESSAGE', { room_id: 1, content: last ?? 'hello', message_type: 'text' });
  const twice: boolean = sent.duplicate ?? false;
  const { ice_servers } = await ask('JOIN_VIDEO_ROOM', { video_room_id: 1, media_status: { audio_enabled: twice } });
  new RTCPeerConnection({ iceServers: ice_servers });
  connection.addEventListener('NEW_MESSAGE', (event) => {
    const { data } = (event as CustomEvent<Extract<Event, { action: 'NEW_MESSAGE' }>>).detail;
    const picture: string | null = data.user.profile_image;
    console.log(picture, data.file_info?.file_path);
  });
}

export function told(message: FromServer): string {
  switch (message.action) {
    case 'NEW_MESSAGE':
      return message.data.content;
    case 'SDP':
      return `${message.data.sender_user_id} ${message.data.sdp_type}`;
    case 'CONNECT_RESPONSE':
      return message.success ? message.data.session_id : message.error_code;
    case 'ERROR':
      return message.data.error_details;
    default:
      return message.timestamp;
  }
}

export function failed(answer: Answer): ErrorCode | null {
  return answer.success ? null : answer.error_code;
}

export const request: Request = {
  action: 'CREATE_ROOM',
  data: { name: 'room', description: null },
  timestamp: '2024-01-01T12:00:00.000Z',
  seq_id: 'q1',
};

export async function wrong(heard: Events['VIDEO_ROOM_CLOSED'], answer: Answer): Promise<void> {
  // @ts-expect-error room_id is missing
  await ask('SEND_MESSAGE', { content: 'hello', message_type: 'text' });
  // @ts-expect-error an id is a number
  await ask('JOIN_ROOM', { room_id: '1' });
  // @ts-expect-error a name may not be null
  await ask('CREATE_ROOM', { name: null });
  // @ts-expect-error no such field
  await ask('EXIT_ROOM', { room: 1 });
  // @ts-expect-error it has no fields
  await ask('LIST_ROOMS', { limit: 1 });
  // @ts-expect-error no such action
  await ask('TYPING', {});
  // @ts-expect-error it has no answer
  await ask('MEDIA_STATUS', { video_room_id: 1, audio_enabled: true, video_enabled: true });
  // @ts-expect-error no such type of description
  const description: Requests['SDP']['sdp_type'] = 'question';
  // @ts-expect-error it may be null
  const mid: string = ({} as Events['ICE_CANDIDATE']).sdp_mid;
  // @ts-expect-error not in this event
  console.log(heard.host_user_id, description, mid);
  // @ts-expect-error only where it succeeded
  console.log(answer.data.room_id);
  // @ts-expect-error no such code
  const code: ErrorCode = 'NOT_FOUND';
  // @ts-expect-error a message without its seq_id
  const message: Request = { action: 'EXIT_ROOM', data: { room_id: 1 }, timestamp: code };
  console.log(message);
}
