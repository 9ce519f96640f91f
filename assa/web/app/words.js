/** The texts of the page, Korean and English. */

const WORDS = {
  title: ['ASSA 채팅', 'ASSA chat'],
  language: ['English', '한국어'],
  userId: ['사용자 번호', 'User number'],
  nickname: ['닉네임', 'Nickname'],
  token: ['토큰 (JWT)', 'Token (JWT)'],
  enter: ['들어가기', 'Enter'],
  logout: ['로그아웃', 'Log out'],
  developmentHint: ['개발 서버입니다. 번호와 닉네임만으로 들어갈 수 있습니다.', 'This is a development server: a number and a name will do.'],
  tokenHint: ['로그인 서비스가 준 토큰을 붙여 넣으세요.', 'Paste the token that your login service gave you.'],
  orToken: ['또는 토큰으로', 'Or with a token'],
  rooms: ['채팅방', 'Rooms'],
  noRooms: ['아직 채팅방이 없습니다. 새로 만들거나 번호로 참가하세요.', 'No rooms yet. Make one, or join one by its number.'],
  chooseRoom: ['왼쪽에서 채팅방을 고르세요.', 'Choose a room.'],
  createRoom: ['새 채팅방', 'New room'],
  joinRoom: ['번호로 참가', 'Join by number'],
  roomName: ['채팅방 이름', 'Name of the room'],
  roomNumber: ['채팅방 번호', 'Number of the room'],
  openRoom: ['누구나 참가할 수 있음', 'Anybody may join'],
  create: ['만들기', 'Create'],
  join: ['참가', 'Join'],
  cancel: ['취소', 'Cancel'],
  close: ['닫기', 'Close'],
  invite: ['초대', 'Invite'],
  inviteUser: ['초대할 사용자 번호 (쉼표로 여럿)', 'Numbers of the users, with commas'],
  invited: ['{name}님을 초대했습니다', 'Invited {name}'],
  invitedOffline: ['{name}님은 접속하면 초대를 받습니다', '{name} will be told when online'],
  alreadyMember: ['{name}님은 이미 참가 중입니다', '{name} is in the room already'],
  invitation: ['{name}님이 “{room}”에 초대했습니다', '{name} invites you to “{room}”'],
  accept: ['참가하기', 'Accept'],
  later: ['나중에', 'Later'],
  roomInfo: ['채팅방 정보', 'About the room'],
  members: ['참가자 {count}명', '{count} members'],
  host: ['방장', 'host'],
  me: ['나', 'me'],
  leaveRoom: ['채팅방 나가기', 'Leave the room'],
  leaveSure: ['“{room}”에서 나갈까요?', 'Leave “{room}”?'],
  back: ['채팅방 목록', 'Back to the rooms'],
  write: ['메시지를 입력하세요', 'Write a message'],
  send: ['보내기', 'Send'],
  attach: ['사진 보내기', 'Send a picture'],
  reply: ['답장', 'Reply'],
  replyTo: ['{name}님에게 답장', 'Reply to {name}'],
  cancelReply: ['답장 취소', 'Do not reply'],
  queued: ['보내는 중', 'Sending'],
  waiting: ['연결되면 보냅니다', 'Will be sent once connected'],
  failed: ['보내지 못했습니다: {why}', 'Not sent: {why}'],
  again: ['다시 보내기', 'Send again'],
  discard: ['지우기', 'Discard'],
  readBy: ['{count}명 읽음', 'Read by {count}'],
  older: ['이전 메시지 보기', 'Earlier messages'],
  newMessages: ['새 메시지', 'New messages'],
  unread: ['읽지 않은 메시지 {count}개', '{count} unread'],
  picture: ['사진', 'Picture'],
  pictureFailed: ['사진을 불러올 수 없습니다', 'The picture cannot be shown'],
  uploading: ['올리는 중 {percent}%', 'Uploading {percent}%'],
  notPicture: ['사진 파일만 보낼 수 있습니다 (JPEG, PNG, GIF, WebP, HEIC, 10MB까지)', 'Only pictures (JPEG, PNG, GIF, WebP, HEIC, up to 10 MB)'],
  dropHere: ['여기에 놓으면 보냅니다', 'Drop to send'],
  joined: ['{name}님이 들어왔습니다', '{name} joined'],
  left: ['{name}님이 나갔습니다', '{name} left'],
  hostChanged: ['{name}님이 방장이 되었습니다', '{name} is the host now'],
  callBegan: ['영상통화가 시작되었습니다', 'A call has begun'],
  callEnded: ['영상통화가 끝났습니다', 'The call is over'],
  connecting: ['연결하는 중', 'Connecting'],
  connected: ['연결됨', 'Connected'],
  reconnecting: ['다시 연결하는 중 ({attempt}/3)', 'Reconnecting ({attempt}/3)'],
  disconnected: ['연결이 끊어졌습니다', 'Disconnected'],
  replaced: ['다른 창에서 접속하여 연결이 끝났습니다', 'Closed: connected from elsewhere'],
  tryAgain: ['다시 연결', 'Try again'],
  startCall: ['영상통화 시작', 'Start a call'],
  joinCall: ['영상통화 참가', 'Join the call'],
  callRunning: ['영상통화 중', 'A call is running'],
  leaveCall: ['통화 나가기', 'Leave the call'],
  mute: ['마이크 끄기', 'Mute'],
  unmute: ['마이크 켜기', 'Unmute'],
  cameraOff: ['카메라 끄기', 'Camera off'],
  cameraOn: ['카메라 켜기', 'Camera on'],
  share: ['화면 공유', 'Share the screen'],
  stopShare: ['화면 공유 끝내기', 'Stop sharing'],
  you: ['{name} (나)', '{name} (me)'],
  muted: ['마이크 꺼짐', 'muted'],
  noCamera: ['카메라나 마이크를 쓸 수 없습니다({why}). 보고 들을 수만 있습니다.', 'No camera or microphone ({why}). You can see and hear.'],
  callMoved: ['다른 기기에서 통화를 이어갑니다', 'The call goes on on another device'],
  waitingForOthers: ['다른 참가자를 기다리는 중', 'Waiting for the others'],
  today: ['오늘', 'Today'],
  yesterday: ['어제', 'Yesterday'],
  wrong: ['문제가 생겼습니다: {why}', 'Something went wrong: {why}'],
  emptyRoom: ['첫 메시지를 보내 보세요.', 'Say the first word.'],
};

let place = 0;

/**
 * Choose the language: the one chosen before in this browser, else the browser's own.
 *
 * @param {string | null} [chosen]
 */
export function chooseLanguage(chosen = null) {
  const kept = localStorage.getItem('assa.language');
  const wanted = chosen ?? kept ?? navigator.language;
  place = wanted.startsWith('ko') ? 0 : 1;
  if (chosen) localStorage.setItem('assa.language', chosen);
  document.documentElement.lang = language();
  document.title = t('title');
}

/** The language, as in the `lang` attribute. */
export function language() {
  return place === 0 ? 'ko' : 'en';
}

/**
 * @param {keyof typeof WORDS} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return WORDS[key][place].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
