/** In the place of a part of the page that could not be fetched, as after an update of the server. */
export function Unloaded() {
  return (
    <div className="unloaded">
      <p className="soft">This part of the page could not be loaded. It is there after a reload.</p>
      <button type="button" className="button small" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}

/** What `lazy` is given when the import has failed, so that the rest of the page stays. */
export const unloaded = () => ({ default: Unloaded });
