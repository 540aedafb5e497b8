// Owns: the checklist with hiredis, without a binding over it.

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *path;
static redisContext *client;
static const char *id = "60000000-0000-4000-8000-000000000001";
static char large[2100];

static void connect_client(void) {
  client = redisConnectUnix(path);
  struct timeval patience = {60, 0};
  if (!client || client->err || redisSetTimeout(client, patience) != REDIS_OK) exit(1);
}

static void claim(const char *name, int holds, const char *detail) {
  if (holds) printf("ok %s\n", name);
  else printf("FAIL %s: %s\n", name, detail ? detail : "");
}

static void ask(const char *words) {
  char line[8];
  printf("%s\n", words);
  if (!fgets(line, sizeof line, stdin)) exit(1);
}

// An answer that is not there is an error of the connection.
static redisReply *sure(void *reply) {
  if (reply) return reply;
  printf("FAIL connects: %s\n", client->errstr);
  exit(1);
}

static long long append(const char *aggregate) {
  return ((redisReply *)sure(redisCommand(client, "EV.APPEND hiredis %s happened {}", aggregate)))->integer;
}

// The value of a field of an event.
static redisReply *field(redisReply *event, const char *name) {
  for (size_t index = 0; index + 1 < event->elements; index += 2)
    if (!strcmp(event->element[index]->str, name)) return event->element[index + 1];
  return event;
}

static redisReply *transaction(void) {
  redisAppendCommand(client, "MULTI");
  for (int count = 0; count < 2; count++) redisAppendCommand(client, "EV.APPEND hiredis t happened {}");
  redisAppendCommand(client, "EV.APPEND hiredis t happened {} UNLESS CATEGORY hiredis AGGREGATE t AFTER 0");
  redisAppendCommand(client, "EXEC");
  redisReply *reply = NULL;
  for (int count = 0; count < 5; count++) redisGetReply(client, (void **)&reply);
  return sure(reply);
}

// As many answers as were asked for, each the integer after the one before it; or, where `data` is given, an event with it.
static int pipeline(int size, const char *command, const char *data) {
  for (int count = 0; count < size; count++) redisAppendCommand(client, command);
  int good = 0;
  long long next = 0;
  for (int count = 0; count < size; count++) {
    redisReply *reply;
    if (redisGetReply(client, (void **)&reply) != REDIS_OK) break;
    if (data) good += !strcmp(field(reply, "data")->str, data);
    else good += reply->type == REDIS_REPLY_INTEGER && (next == 0 || reply->integer == next);
    next = reply->integer + 1;
    freeReplyObject(reply);
  }
  return good;
}

int main(int count, char **words) {
  if (count < 3) return 2;
  path = words[1];
  int size = atoi(words[2]);
  // It writes to a connection that may have ended.
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IONBF, 0);
  strcpy(large, "{\"text\":\"");
  for (int turn = 0; turn < 1000; turn++) strcat(large, "é");
  strcat(large, "\"}");

  connect_client();
  claim("connects", !strcmp(sure(redisCommand(client, "PING"))->str, "PONG"), "");

  long long first = sure(redisCommand(client, "EV.APPEND hiredis a happened %s", large))->integer;
  redisReply *event = sure(redisCommand(client, "EV.GET %lld", first));
  claim("appends", field(event, "event_id")->integer == first && !strcmp(field(event, "data")->str, large), "another event");

  redisReply *said = sure(redisCommand(client, "EV.APPEND hiredis a happened nonsense"));
  claim("is told what is wrong", said->type == REDIS_REPLY_ERROR && !strncmp(said->str, "INVALID", 7), said->str);

  long long once = sure(redisCommand(client, "EV.APPEND hiredis a happened {} ID %s", id))->integer;
  long long twice = sure(redisCommand(client, "EV.APPEND hiredis a happened {} ID %s", id))->integer;
  claim("retries with an ID", once == first + 1 && twice == once, "another id");

  claim("writes a pipeline at once", pipeline(size, "EV.APPEND hiredis many happened {}", NULL) == size, client->errstr);
  char get[40];
  snprintf(get, sizeof get, "EV.GET %lld", first);
  claim("reads a pipeline", pipeline(size / 10, get, large) == size / 10, client->errstr);

  redisReply *won = transaction();
  int follow = won->elements == 3 && won->element[2]->integer == won->element[0]->integer + 2;
  claim("wins a transaction", follow, won->str);
  redisReply *lost = transaction();
  redisReply *reason = lost->elements == 3 ? lost->element[2] : lost;
  long long left = sure(redisCommand(client, "EV.COUNT CATEGORY hiredis AGGREGATE t"))->integer;
  char conflict[40];
  snprintf(conflict, sizeof conflict, "CONFLICT %lld ", won->element[2]->integer);
  int told = reason->type == REDIS_REPLY_ERROR && !strncmp(reason->str, conflict, strlen(conflict));
  claim("loses a transaction", told && left == 3, reason->str);

  redisReply *nothing = sure(redisCommand(client, "EV.READ AFTER $ BLOCK 50"));
  ask("append hiredis-elsewhere");
  redisReply *found = sure(redisCommand(client, "EV.READ CATEGORY hiredis-elsewhere BLOCK 30000"));
  int came = found->elements == 1 && !strcmp(field(found->element[0], "data")->str, "{\"by\":\"else\"}");
  claim("waits in a read", nothing->type == REDIS_REPLY_NIL && came, found->str);

  printf("no is pushed events: before 1.0 it speaks RESP2\n");

  ask("restart");
  // What was in flight when the connection ended is sent again, on a new one.
  redisReply *retried = redisCommand(client, "EV.APPEND hiredis a happened {} ID %s", id);
  if (!retried) {
    redisFree(client);
    connect_client();
    retried = sure(redisCommand(client, "EV.APPEND hiredis a happened {} ID %s", id));
  }
  claim("goes on after a restart", retried->integer == once && append("a") > once, retried->str);
  return 0;
}
