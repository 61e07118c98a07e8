/** The sign of Perdure: a wave that goes on. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M8 21c4 0 4-10 8-10s4 10 8 10" fill="none" strokeWidth="3" strokeLinecap="round" />
    </svg>
  );
}
