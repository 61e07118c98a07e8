package dev.perdure.engine;

import dev.perdure.protocol.Source;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What an attempt rests on, each source once in its lane, and only so many. Used by one thread. */
final class StepSources {
  /** Of a lane; what else is found or cited is passed over. */
  static final int MAX_SOURCES = 100;

  private final Set<String> known = new HashSet<>();
  private final List<Source> untold = new ArrayList<>();
  private int told;

  /**
   * @param before the steps before the one of the attempt
   * @param shown what the model is shown
   */
  StepSources(List<StepSnapshot> before, List<Source> shown) {
    for (StepSnapshot step : before) {
      step.sources().forEach(used -> known.add(used.source().key()));
    }
    told = known.size();
    shown.forEach(this::add);
  }

  void add(Source source) {
    if (known.size() < MAX_SOURCES && known.add(source.key())) {
      untold.add(source);
    }
  }

  /** What has been added since. */
  List<SourceUsed> take(int lane, int attempt) {
    if (untold.isEmpty()) {
      return List.of();
    }
    List<SourceUsed> events = new ArrayList<>();
    for (Source source : untold) {
      events.add(new SourceUsed(lane, attempt, told++, source));
    }
    untold.clear();
    return events;
  }
}
