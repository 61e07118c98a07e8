package dev.perdure.retrieval;

import dev.perdure.db.Database;
import java.time.InstantSource;

/** Prepares documents at once, for tests of what comes afterwards. */
public final class DocumentFeed {
  private DocumentFeed() {}

  public static void indexAll(Database database) throws InterruptedException {
    Indexer indexer = new Indexer(database, DocumentLimits.DEFAULT, InstantSource.system());
    while (indexer.indexOne()) {
      // more
    }
  }
}
