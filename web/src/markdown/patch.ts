/**
 * Makes the children of one node like those of another, and touches only what differs: what the reader has
 * selected stays selected, and the browser sets again only the lines that have changed.
 */
export function patch(shown: Node, wanted: Node): void {
  let place = shown.firstChild;
  for (let next = wanted.firstChild; next !== null; ) {
    const after: ChildNode | null = next.nextSibling;
    if (place === null) {
      shown.appendChild(next);
    } else {
      const following: ChildNode | null = place.nextSibling;
      put(shown, place, next);
      place = following;
    }
    next = after;
  }
  while (place !== null) {
    const following: ChildNode | null = place.nextSibling;
    place.remove();
    place = following;
  }
}

function put(parent: Node, place: ChildNode, wanted: ChildNode): void {
  if (place instanceof Text && wanted instanceof Text) {
    if (wanted.data.startsWith(place.data)) {
      const more = wanted.data.slice(place.data.length);
      if (more !== '') {
        place.appendData(more);
      }
    } else {
      place.data = wanted.data;
    }
  } else if (place instanceof Element && wanted instanceof Element && alike(place, wanted)) {
    patch(place, wanted);
  } else {
    parent.replaceChild(wanted, place);
  }
}

function alike(one: Element, other: Element): boolean {
  return (
    one.nodeName === other.nodeName &&
    one.attributes.length === other.attributes.length &&
    [...one.attributes].every(({ name, value }) => other.getAttribute(name) === value)
  );
}
