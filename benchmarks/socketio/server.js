'use strict'
/*
 * node server.js PORT [DATABASE]: a chat server on Socket.IO 4, as one would write it.
 *
 * Websocket transport only, JWT checked in the middleware, rooms, `socket.to(room).emit`, acknowledgement callbacks.
 * With DATABASE each message is inserted into SQLite (WAL, synchronous=FULL) before it is acknowledged and delivered.
 * The secret comes from JWT_SECRET. SIGUSR2 collects garbage (with --expose-gc), so that memory is measured without it.
 */
const http = require('node:http')
const jwt = require('jsonwebtoken')
const { Server } = require('socket.io')

const SCHEMA = `CREATE TABLE messages (
  message_id INTEGER PRIMARY KEY,
  room_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  content TEXT NOT NULL,
  client_message_id TEXT,
  created_at INTEGER NOT NULL)`

/** Returns a function that stores a message and returns its id. */
function memoryStore () {
  let last = 0
  return () => ++last
}

function sqliteStore (path) {
  const Database = require('better-sqlite3')
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(SCHEMA)
  const insert = database.prepare(
    'INSERT INTO messages (room_id, user_id, content, client_message_id, created_at) VALUES (?, ?, ?, ?, ?)')
  return (user, data, time) =>
    Number(insert.run(data.room_id, user.user_id, data.content, data.client_message_id, time).lastInsertRowid)
}

function authenticate (secret) {
  return (socket, next) => {
    try {
      socket.data.user = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ['HS256'] })
      next()
    } catch (error) {
      next(error)
    }
  }
}

const author = user => ({ user_id: user.user_id, nickname: user.nickname, profile_image: null })

function joinRoom (io, socket, data, acknowledge) {
  const room = `room:${data.room_id}`
  const { user_id: userId, nickname } = socket.data.user
  socket.join(room)
  const count = io.sockets.adapter.rooms.get(room).size
  acknowledge({ success: true, data: { room_id: data.room_id, participants_count: count } })
  if (data.silent) return
  socket.to(room).emit('USER_JOINED', {
    data: { room_id: data.room_id, user: { user_id: userId, nickname, role: 'member' }, participants_count: count }
  })
}

function sendMessage (socket, store, data, acknowledge) {
  const room = `room:${data.room_id}`
  if (!socket.rooms.has(room)) return acknowledge({ success: false, error_code: 'USER_NOT_IN_ROOM' })
  if (typeof data.content !== 'string' || data.content.length < 1 || data.content.length > 5000) {
    return acknowledge({ success: false, error_code: 'INVALID_MESSAGE' })
  }
  const now = new Date()
  const timestamp = now.toISOString()
  const messageId = store(socket.data.user, data, now.getTime())
  acknowledge({
    success: true,
    data: { message_id: messageId, room_id: data.room_id, created_at: timestamp, client_message_id: data.client_message_id }
  })
  socket.to(room).emit('NEW_MESSAGE', {
    data: {
      message_id: messageId,
      room_id: data.room_id,
      content: data.content,
      message_type: data.message_type,
      user: author(socket.data.user),
      created_at: timestamp,
      reply_to_message_id: data.reply_to_message_id
    },
    timestamp,
    seq_id: `e${messageId}`
  })
}

function main (port, path) {
  const server = http.createServer()
  const io = new Server(server, { transports: ['websocket'], serveClient: false })
  const store = path ? sqliteStore(path) : memoryStore()
  io.use(authenticate(process.env.JWT_SECRET))
  io.on('connection', socket => {
    socket.on('JOIN_ROOM', (data, acknowledge) => joinRoom(io, socket, data, acknowledge))
    socket.on('SEND_MESSAGE', (data, acknowledge) => sendMessage(socket, store, data, acknowledge))
  })
  process.on('SIGUSR2', () => global.gc && global.gc())
  server.listen(port, '127.0.0.1')
}

main(Number(process.argv[2]), process.argv[3])
