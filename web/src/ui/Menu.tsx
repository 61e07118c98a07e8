import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from 'react';

interface Props {
  readonly label: string;
  /** What the button shows. */
  readonly face: ReactNode;
  readonly className?: string;
  /** Whether there is more in it than a menu: then the menu within is its children's own. */
  readonly panel?: boolean;
  readonly children: (close: () => void) => ReactNode;
}

const EDGE = 8;

/**
 * A button and the menu that it opens: the browser's own popover, which closes by itself on Escape and
 * on a click elsewhere, with the arrow keys that a menu has.
 */
export function Menu(props: Props) {
  const { label, face, className = 'button quiet icon', panel = false, children } = props;
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const close = () => menu.current?.hidePopover();

  function place() {
    const anchor = button.current?.getBoundingClientRect();
    const box = menu.current;
    if (!anchor || !box) {
      return;
    }
    const { offsetWidth: width, offsetHeight: height } = box;
    const below = anchor.bottom + height + EDGE < innerHeight || anchor.top < height + EDGE;
    box.style.left = `${Math.max(EDGE, Math.min(anchor.left, innerWidth - width - EDGE))}px`;
    box.style.top = `${below ? Math.min(anchor.bottom + 4, innerHeight - height - EDGE) : anchor.top - height - 4}px`;
  }

  function move(event: KeyboardEvent) {
    const items = [
      ...(menu.current?.querySelectorAll<HTMLElement>('[role^=menuitem]:not(:disabled)') ?? []),
    ];
    const active = document.activeElement;
    const at = active instanceof HTMLElement ? items.indexOf(active) : -1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (
      to !== undefined &&
      !(event.target instanceof HTMLInputElement && to === 0 && event.key === 'Home')
    ) {
      event.preventDefault();
      items[(to + items.length) % items.length]?.focus();
    }
    if (event.key === 'Tab') {
      close();
    }
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup={panel ? 'dialog' : 'menu'}
        aria-expanded={open}
        popoverTarget={id}
      >
        {face}
      </button>
      {/* biome-ignore lint/a11y: its role is one of two, both of which take a name and keys */}
      <div
        ref={menu}
        id={id}
        popover="auto"
        role={panel ? 'dialog' : 'menu'}
        tabIndex={-1}
        aria-label={label}
        className="menu"
        onKeyDown={move}
        onToggle={(event) => {
          const opened = event.newState === 'open';
          setOpen(opened);
          if (opened) {
            requestAnimationFrame(() => {
              place();
              menu.current?.querySelector<HTMLElement>('[role^=menuitem]')?.focus();
            });
          }
        }}
      >
        {open && children(close)}
      </div>
    </>
  );
}

export function Item(props: {
  readonly children: ReactNode;
  readonly onSelect: () => void;
  readonly bad?: boolean;
  readonly disabled?: boolean;
}) {
  return (
    <button
      type="button"
      role="menuitem"
      className={`menu-item${props.bad ? ' bad' : ''}`}
      disabled={props.disabled}
      onClick={props.onSelect}
    >
      {props.children}
    </button>
  );
}
