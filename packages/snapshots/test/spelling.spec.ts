import { describe, expect, it } from 'vitest'
import { oneSpelling } from '../src/spelling.ts'

describe('one spelling', () => {
  it.each([
    ["'x'::character varying", "'x'::text"],
    ['NULL::character varying', 'NULL::text'],
    [
      "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])))",
      "CHECK (((s)::text = ANY (ARRAY['a'::text, 'it''s'::text])))",
    ],
    [
      "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s'::character varying)::text])))",
      "CHECK (((s)::text = ANY (ARRAY['a'::text, 'it''s'::text])))",
    ],
    [
      "CHECK (((\"it's\")::text <> ALL ((ARRAY['b'::character varying])::text[])))",
      "CHECK (((\"it's\")::text <> ALL (ARRAY['b'::text])))",
    ],
    [
      "CHECK ((c = ANY ((ARRAY['a'::bpchar, 'b'::bpchar])::text[])))",
      "CHECK ((c = ANY (ARRAY[('a'::bpchar)::text, ('b'::bpchar)::text])))",
    ],
    [
      '(ARRAY[a, lower(b, c), (1)::bigint])::numeric(10,2)[]',
      'ARRAY[(a)::numeric(10,2), (lower(b, c))::numeric(10,2), ((1)::bigint)::numeric(10,2)]',
    ],
    ['((ARRAY[a])::"My type"[] && (ARRAY[b])::public.mood[])', '(ARRAY[(a)::"My type"] && ARRAY[(b)::public.mood])'],
    ["(E'a\\\\b'::character varying)::text", "E'a\\\\b'::text"],
  ])('is found for %s', (expression, spelled) => {
    expect(oneSpelling(expression)).toBe(spelled)
    expect(oneSpelling(spelled)).toBe(spelled)
  })

  it.each([
    // A length cuts, blanks at the end count or do not, an array is no text.
    "('abc'::character varying(2))::text",
    "('x'::bpchar)::text",
    "'x'::bpchar",
    "ARRAY['a'::character varying, 'b'::character varying]",
    "((ARRAY['a'::text, 'b'::text])[1] = x)",
    "('(ARRAY[a])::text[]' = x)",
    '(ARRAY[a',
    '((name)::character varying)::text',
    "lower('x'::character varying)",
    "('{a}'::character varying[])::text",
    // What is written in a literal or a name is none of it.
    "'(''x''::character varying)::text'",
    '"(\'x\'::character varying)::text"',
    "'a''::character varying'",
  ])('leaves what is another thing: %s', (expression) => {
    expect(oneSpelling(expression)).toBe(expression)
  })
})
