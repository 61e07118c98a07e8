package dev.perdure.server.http;

import dev.perdure.chat.Conversations.Page;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.retrieval.Document;
import dev.perdure.retrieval.Documents;
import dev.perdure.retrieval.Documents.Added;
import dev.perdure.retrieval.MediaType;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Documents of the caller. Thread-safe. */
final class DocumentRoutes {
  /** Longest name, in UTF-16 code units. */
  private static final int NAME_CHARS = 255;

  /** Bodies that are read at once on this node: each is held in memory whole. */
  private static final int UPLOADS_AT_ONCE = 8;

  private static final Pattern SESSION_ID = Pattern.compile("sess_[0-9a-z]{26}");
  private static final Pattern DOCUMENT_ID = Pattern.compile("doc_[0-9a-z]{26}");

  private final Documents documents;
  private final Semaphore uploads = new Semaphore(UPLOADS_AT_ONCE);

  DocumentRoutes(Documents documents) {
    this.documents = documents;
  }

  List<Route> routes() {
    String all = "/v1/documents";
    String one = "/v1/documents/{document}";
    return List.of(
        new Route(Method.POST, all, Route.Access.CALLER, this::add),
        new Route(Method.GET, all, Route.Access.CALLER, this::list),
        new Route(Method.GET, one, Route.Access.CALLER, this::get),
        new Route(Method.DELETE, one, Route.Access.CALLER, this::delete));
  }

  private void add(Exchange exchange) throws IOException {
    exchange.knownQuery("name", "session");
    MediaType type = MediaType.of(exchange.header(HeaderNames.CONTENT_TYPE).orElse(""));
    String name = name(exchange);
    @Nullable String session = session(exchange);
    if (!uploads.tryAcquire()) {
      throw new PerdureException(
          ErrorCode.SERVER_BUSY,
          UPLOADS_AT_ONCE + " documents are being sent to this server. Try again in a moment.");
    }
    Added added;
    try {
      byte[] content = exchange.upload(documents.limits().bytes());
      added = documents.add(exchange.caller(), session, name, type, content);
    } finally {
      uploads.release();
    }
    exchange.header(HeaderNames.LOCATION, "/v1/documents/" + added.document().id());
    exchange.sendJson(added.isNew() ? 201 : 200, Views.bytes(view(added.document())));
  }

  private static String name(Exchange exchange) {
    String name = exchange.query("name").map(String::strip).orElse("");
    if (name.isEmpty() || name.length() > NAME_CHARS) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The query parameter 'name' is missing or longer than "
              + NAME_CHARS
              + " characters. Name the document, as in ?name=report.pdf.");
    }
    return name;
  }

  private static @Nullable String session(Exchange exchange) {
    @Nullable String session = exchange.query("session").orElse(null);
    if (session != null && !SESSION_ID.matcher(session).matches()) {
      throw PerdureException.notFound("session", Text.shown(session));
    }
    return session;
  }

  private void list(Exchange exchange) {
    exchange.knownQuery("session", "before", "limit");
    @Nullable String before = exchange.query("before").orElse(null);
    if (before != null && !DOCUMENT_ID.matcher(before).matches()) {
      throw new PerdureException(
          ErrorCode.INVALID_CURSOR,
          "'before' is not the 'next' of a page of documents. Leave it out for the first page.");
    }
    Page<Document> page =
        documents.list(exchange.caller(), session(exchange), before, exchange.pageSize());
    exchange.sendJson(200, Views.page(page.items(), page.next(), DocumentRoutes::view));
  }

  private void get(Exchange exchange) {
    exchange.knownQuery();
    Document document = documents.get(exchange.caller(), exchange.id("document"));
    exchange.sendJson(200, Views.bytes(view(document)));
  }

  private void delete(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("document");
    Fields.of(exchange.body());
    documents.delete(exchange.caller(), id);
    exchange.sendEmpty(204);
  }

  private static Views.View view(Document document) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("id", document.id());
      if (document.session() != null) {
        json.writeStringField("session", document.session());
      }
      json.writeStringField("name", document.name());
      json.writeStringField("mediaType", document.mediaType().wire());
      json.writeNumberField("size", document.size());
      json.writeStringField("sha256", document.hash());
      json.writeStringField("state", document.state().wire());
      if (document.reason() != null) {
        json.writeStringField("reason", document.reason());
      }
      json.writeNumberField("chunks", document.chunks());
      json.writeNumberField("createdAt", document.createdAtMillis());
      json.writeNumberField("updatedAt", document.updatedAtMillis());
      json.writeEndObject();
    };
  }
}
