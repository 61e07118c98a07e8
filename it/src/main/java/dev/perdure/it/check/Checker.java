package dev.perdure.it.check;

import dev.perdure.it.check.Stored.ProviderCall;
import dev.perdure.it.check.Stored.ToolRequest;
import dev.perdure.it.check.Stored.Trouble;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Judges histories session by session, so that memory holds one at a time. It believes neither the
 * server nor the clients: what it knows are the bytes that crossed the wire, the provider's journal
 * and the rows of the database. For one thread.
 */
public final class Checker {
  /**
   * How much later than the acknowledgement of a cancel its effect may show: a call that had passed
   * the last look at the intent is on its way, and the machine is busy.
   */
  public static final Duration DEFAULT_GRACE = Duration.ofSeconds(5);

  private final Findings findings = new Findings();
  private final LogRules logs = new LogRules(findings);
  private final RequestRules requests;
  private final ReaderRules readers = new ReaderRules(findings);
  private final ConductRules conduct;
  private final Map<String, List<ProviderCall>> calls = new HashMap<>();
  private final Map<String, List<ToolRequest>> toolRequests = new HashMap<>();
  private final EffectRules effects = new EffectRules(findings, toolRequests);
  private final List<Trouble> troubles;

  /**
   * @param calls of the provider
   * @param troubles times in which something was stopped, so that a cancel may have taken longer
   */
  public Checker(List<ProviderCall> calls, List<Trouble> troubles, Duration grace) {
    calls.forEach(
        call -> this.calls.computeIfAbsent(call.marker(), marker -> new ArrayList<>()).add(call));
    this.troubles = List.copyOf(troubles);
    this.requests = new RequestRules(findings, grace.toMillis());
    this.conduct = new ConductRules(findings, grace.toMillis());
  }

  /** Notes what the services behind tools were asked for; before the sessions are checked. */
  public void toolRequests(List<ToolRequest> requests) {
    requests.forEach(request ->
        toolRequests.computeIfAbsent(request.key(), key -> new ArrayList<>()).add(request));
  }

  /** Checks one session. */
  public void check(List<Observation> seen, Stored.Session stored) {
    Case one = new Case(seen, stored, calls, troubles);
    logs.check(one);
    requests.check(one);
    readers.check(one);
    conduct.check(one);
    effects.check(one);
  }

  /** Says that something was left behind. */
  public void left(String subject, String text) {
    findings.add(Rule.NOTHING_LEFT, subject, text);
  }

  /** Says that a server has called something its own fault. */
  public void bug(String subject, String text) {
    findings.add(Rule.NO_BUG, subject, text);
  }

  public List<Violation> violations() {
    return findings.violations();
  }
}
