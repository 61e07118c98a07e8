package dev.perdure.retrieval;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.Ids;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.Test;

class PostgresRetrievalTest extends RetrievalContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }

  @Test
  void a_misspelled_word_is_found_by_its_letters_if_the_extension_is_there() throws Exception {
    Caller caller = new Caller("t", "ann");
    new Documents(database, Ids.system(), DocumentLimits.DEFAULT, () -> {})
        .add(
            caller,
            null,
            "a.txt",
            MediaType.TEXT,
            "Notes on management".getBytes(StandardCharsets.UTF_8));
    new Indexer(database, DocumentLimits.DEFAULT, InstantSource.system()).indexOne();
    Retriever.Query query = new Retriever.Query(caller, "s", List.of("managment"), 0, "none");
    assertThat(new Retriever(database).find(query).chunks()).hasSize(1);
    database.write(tx -> tx.update("DROP EXTENSION pg_trgm CASCADE"));
    assertThat(new Retriever(database).find(query).chunks()).isEmpty();
  }
}
