import { RomanApiError } from '@roman/sdk'
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useCallback, useMemo, useState } from 'react'
import { Overview } from './overview.tsx'
import { ApiContext } from './queries.ts'
import { clientFor, forgetKey, storedKey, storeKey } from './session.ts'
import { SignIn } from './sign-in.tsx'

/** Signed in or not; nothing else is decided here. */
export function App() {
  const [key, setKey] = useState(storedKey)
  const [told, setTold] = useState<string | null>(null)

  const signIn = (entered: string) => {
    storeKey(entered)
    setTold(null)
    setKey(entered)
  }
  const signOut = useCallback((why: string | null) => {
    forgetKey()
    setTold(why)
    setKey(null)
  }, [])
  const client = useMemo(() => (key === null ? null : clientFor(key)), [key])
  const queries = useMemo(() => {
    const onError = (error: Error) => {
      if (error instanceof RomanApiError && error.status === 401)
        signOut('The key is not valid any more. Sign in again.')
    }
    return new QueryClient({
      queryCache: new QueryCache({ onError }),
      defaultOptions: { queries: { retry: false, networkMode: 'always' } },
    })
  }, [signOut])

  if (client === null) return <SignIn onSignIn={signIn} told={told} />
  return (
    <ApiContext value={client}>
      <QueryClientProvider client={queries}>
        <Overview
          onSignOut={() => {
            queries.clear()
            signOut(null)
          }}
        />
      </QueryClientProvider>
    </ApiContext>
  )
}
