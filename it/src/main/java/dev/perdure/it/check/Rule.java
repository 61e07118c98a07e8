package dev.perdure.it.check;

/** The promises that are checked. */
public enum Rule {
  ACCEPTED_IS_KEPT("What was accepted is stored, as it was sent, and can be read at once"),
  ONE_KEY_ONE_TURN("An idempotency key makes one turn, however often it is sent"),
  REFUSED_IS_NOTHING("What was refused has left nothing"),
  ONE_END("A turn ends in exactly one terminal state, on which row, lanes, messages and log agree"),
  DENSE("The log's numbers are dense from 0"),
  GRAMMAR("The log follows the protocol's grammar"),
  DIGEST("The digest is that of the lines before it"),
  STORED_TEXT("The stored message is what the log says, and what the provider said"),
  DELIVERED_IS_DURABLE("No event was delivered that a later reader does not see"),
  CURSOR("A stream gives exactly the events after its cursor, each once, nothing after the end"),
  READER_TEXT("A reader's text is a prefix of the stored text, and identical to it at the end"),
  READER_ENDS("A reader that stays sees the end"),
  NO_CALL_AFTER_CANCEL("No provider call begins after a cancel was acknowledged"),
  CANCEL_IS_OBEYED("A cancelled turn stops soon"),
  CANCEL_IS_WISHED("Only what somebody has asked to stop is cancelled; leaving is no such wish"),
  RECORDED_IS_DONE("What is recorded as ended is not executed again"),
  STEP_ONCE("A step that is recorded as ended is not asked for again"),
  EFFECT_ONCE(
      "An unsafe call is made once, unless somebody decides to repeat it; none without its row"),
  APPROVED_FIRST("What needs an approval is not made before it, and never without it"),
  DECIDED_ONCE("A call that waits is decided once, and the decision holds"),
  FOREIGN_IS_UNKNOWN("What is somebody else's looks like what does not exist, and is not touched"),
  NO_BUG("No server calls something a fault of its own"),
  ONE_AT_A_TIME("A session's turns run one at a time, in order"),
  NOTHING_LEFT("No open turn, lease, lane, call or stream is left behind");

  private final String sentence;

  Rule(String sentence) {
    this.sentence = sentence;
  }

  public String sentence() {
    return sentence;
  }
}
