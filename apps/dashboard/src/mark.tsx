export const Mark = () => (
  <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4" />
  </svg>
)
