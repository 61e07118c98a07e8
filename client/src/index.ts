export type { ClientOptions, PerdureClient, TextStorage } from './api.ts';
export { createClient } from './client.ts';
export type { Clock } from './clock.ts';
export { PerdureError } from './errors.ts';
export type { Json } from './json.ts';
export type {
  Later,
  LaterMessage,
  LaterTurn,
  Schedule,
  ScheduleChange,
  ScheduleRule,
  When,
} from './later.ts';
export type { WaitFor } from './log.ts';
export type {
  ActivityItem,
  ActivityView,
  AttemptView,
  CallView,
  ClientState,
  ConnectionStatus,
  ConnectionView,
  Delivery,
  Entry,
  Found,
  LaneView,
  PartView,
  ReplyEntry,
  SendInput,
  SessionState,
  SessionsView,
  SessionView,
  Siblings,
  ThreadView,
  TurnView,
  UserEntry,
} from './views.ts';
export type {
  Answer,
  Decision,
  Failure,
  FileRules,
  Finish,
  LaneState,
  Message,
  MessagePart,
  MessageStatus,
  Models,
  ServerStatus,
  Session,
  SessionSettings,
  Source,
  StoredFile,
  ToolUse,
  Turn,
  TurnState,
  Usage,
} from './wire.ts';
