import { Component, type ReactNode } from 'react';

/** Shows that a part of the page is broken, instead of an empty page. */
export class Boundary extends Component<{ readonly children: ReactNode }, { broken?: Error }> {
  override state: { broken?: Error } = {};

  static getDerivedStateFromError(broken: Error) {
    return { broken };
  }

  override render() {
    if (this.state.broken === undefined) {
      return this.props.children;
    }
    return (
      <main className="alone">
        <h1>Something in this page is broken</h1>
        <p className="soft">
          Nothing is lost: replies go on at the server. Reload the page; if it stays, this says what
          happened: {this.state.broken.message}
        </p>
        <button type="button" className="button primary" onClick={() => location.reload()}>
          Reload
        </button>
      </main>
    );
  }
}
