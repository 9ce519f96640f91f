'use strict'
/*
 * node server.js PORT [DATABASE | postgresql://...]: a chat server on Socket.IO 4, as one would write it.
 *
 * Websocket transport only, JWT checked in the middleware, rooms, `socket.to(room).emit`, acknowledgement callbacks.
 * With DATABASE each message is inserted into SQLite (WAL, synchronous=FULL) before it is acknowledged and delivered,
 * with the URL into PostgreSQL, by a pool of 10 connections.
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

const POSTGRES_SCHEMA = `CREATE TABLE messages (
  message_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  room_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  content TEXT NOT NULL,
  client_message_id TEXT,
  created_at BIGINT NOT NULL)`

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

/** Returns a function that stores a message and returns a promise of its id. */
async function postgresStore (url) {
  const { Pool } = require('pg')
  const pool = new Pool({ connectionString: url, max: 10 })
  await pool.query(POSTGRES_SCHEMA)
  const insert = {
    name: 'insert-message', // is prepared once in each connection
    text: `INSERT INTO messages (room_id, user_id, content, client_message_id, created_at)
      VALUES ($1, $2, $3, $4, $5) RETURNING message_id`
  }
  return async (user, data, time) => {
    const values = [data.room_id, user.user_id, data.content, data.client_message_id, time]
    const { rows } = await pool.query({ ...insert, values })
    return Number(rows[0].message_id)
  }
}

function openStore (database) {
  if (!database) return memoryStore()
  return database.startsWith('postgresql://') ? postgresStore(database) : sqliteStore(database)
}

const tails = new Map()

/** Waits for an insert and for those before it in its room: ten connections end in any order, a room has one. */
async function inTurn (room, stored) {
  const turn = Promise.all([stored, tails.get(room)])
  tails.set(room, turn.catch(() => {}))
  return (await turn)[0]
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

/** Acknowledges and delivers a message that is stored. */
function publish (socket, data, timestamp, messageId, acknowledge) {
  acknowledge({
    success: true,
    data: { message_id: messageId, room_id: data.room_id, created_at: timestamp, client_message_id: data.client_message_id }
  })
  socket.to(`room:${data.room_id}`).emit('NEW_MESSAGE', {
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

function sendMessage (socket, store, data, acknowledge) {
  const room = `room:${data.room_id}`
  if (!socket.rooms.has(room)) return acknowledge({ success: false, error_code: 'USER_NOT_IN_ROOM' })
  if (typeof data.content !== 'string' || data.content.length < 1 || data.content.length > 5000) {
    return acknowledge({ success: false, error_code: 'INVALID_MESSAGE' })
  }
  const now = new Date()
  const timestamp = now.toISOString()
  const stored = store(socket.data.user, data, now.getTime())
  if (typeof stored === 'number') return publish(socket, data, timestamp, stored, acknowledge)
  inTurn(room, stored).then(
    messageId => publish(socket, data, timestamp, messageId, acknowledge),
    () => acknowledge({ success: false, error_code: 'SERVER_ERROR' }))
}

async function main (port, database) {
  const server = http.createServer()
  const io = new Server(server, { transports: ['websocket'], serveClient: false })
  const store = await openStore(database)
  io.use(authenticate(process.env.JWT_SECRET))
  io.on('connection', socket => {
    socket.on('JOIN_ROOM', (data, acknowledge) => joinRoom(io, socket, data, acknowledge))
    socket.on('SEND_MESSAGE', (data, acknowledge) => sendMessage(socket, store, data, acknowledge))
  })
  process.on('SIGUSR2', () => global.gc && global.gc())
  server.listen(port, '127.0.0.1')
}

main(Number(process.argv[2]), process.argv[3])
