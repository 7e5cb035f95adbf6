// What one would otherwise write: Fastify with @fastify/jwt (HS256), answering a constant after the token's check.
// Prints {"port", "token"} when it listens. With PEER_CACHE=1 it keeps verified tokens, as we do.
import Fastify from 'fastify'
import jwt from '@fastify/jwt'

const app = Fastify({ logger: false })
await app.register(jwt, {
  secret: 'a secret of the benchmark, of more than thirty-two bytes',
  ...(process.env.PEER_CACHE ? { verify: { cache: true } } : {}),
})

// Already text, and of the size of our own answer: nothing is left to serialise.
const body = JSON.stringify({ email: 'owner@bench.example', permissions: ['*'], padding: 'x'.repeat(480) })

app.get('/v1/me', { onRequest: (request) => request.jwtVerify() }, (request, reply) => {
  reply.header('content-type', 'application/json').send(body)
})

await app.listen({ host: '127.0.0.1', port: 0 })
const token = app.jwt.sign(
  {
    iss: 'tenantry',
    aud: 'tenantry-api',
    sub: '01a1fe42-0add-7000-b363-1ac3598323f4',
    jti: '01a1fe42-160c-7000-b8c5-53b74dd4cf82',
    email: 'owner@bench.example',
    tenant_id: 'bench',
    tenant_role: 'owner',
    tenants: ['bench'],
    typ: 'access',
  },
  { expiresIn: '1h' },
)
console.log(JSON.stringify({ port: app.server.address().port, token }))
