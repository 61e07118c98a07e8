import type { Siblings } from '@perdure/client';
import { ChevronLeft, ChevronRight } from 'lucide-react';

/** From one branch to the next. */
export function Branches(props: {
  siblings: Siblings;
  select: ((sibling: string) => void) | undefined;
  what: string;
}) {
  const { siblings, select } = props;
  if (siblings.count < 2 || select === undefined) {
    return null;
  }
  const { previous, next } = siblings;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would be announced as a form
    <span
      className="branches"
      role="group"
      aria-label={`${siblings.index + 1} of ${siblings.count} ${props.what}`}
    >
      <button
        type="button"
        className="button quiet small icon"
        aria-label="The one before"
        disabled={previous === undefined}
        onClick={() => previous !== undefined && select(previous)}
      >
        <ChevronLeft size={14} />
      </button>
      <span className="tiny">
        {siblings.index + 1}/{siblings.count}
      </span>
      <button
        type="button"
        className="button quiet small icon"
        aria-label="The next one"
        disabled={next === undefined}
        onClick={() => next !== undefined && select(next)}
      >
        <ChevronRight size={14} />
      </button>
    </span>
  );
}
