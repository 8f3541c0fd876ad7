import { type FormEvent, useId, useState } from 'react'
import { Mark } from './mark.tsx'
import { clientFor } from './session.ts'
import { wordsOf } from './words.ts'

export function SignIn({ onSignIn, told }: { onSignIn: (key: string) => void; told: string | null }) {
  const [key, setKey] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState(told)
  const field = useId()

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const entered = key.trim()
    if (entered === '') return setProblem('Enter the service key.')
    setBusy(true)
    setProblem(null)
    try {
      await clientFor(entered).summary({ timeoutMs: 10_000 })
      onSignIn(entered)
    } catch (error) {
      setProblem(wordsOf(error))
      setBusy(false)
    }
  }
  return (
    <main className="sign-in">
      <form onSubmit={submit} noValidate>
        <h1>
          <Mark /> R.O.M.A.N. Rollback
        </h1>
        <label htmlFor={field}>Service key</label>
        <input
          id={field}
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={key}
          onChange={(event) => setKey(event.target.value)}
          aria-invalid={problem !== null}
          aria-describedby={`${field}-told`}
        />
        <p id={`${field}-told`} className="problem" role="alert">
          {problem}
        </p>
        <button type="submit" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <p className="quiet">The key stays in this tab and is gone when you close it.</p>
      </form>
    </main>
  )
}
