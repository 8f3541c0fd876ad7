import { defineConfig } from 'prisma/config'

/** `prisma migrate deploy` over the same folder as our migrator: its `_prisma_migrations` lies in schema ops. */
const url = (): string => {
  const given = new URL(process.env.DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres')
  given.searchParams.set('schema', 'ops')
  return given.href
}

export default defineConfig({ schema: 'prisma/schema.prisma', datasource: { url: url() } })
