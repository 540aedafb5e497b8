// Owns: what peers.py has JetStream's own client do. Prints one JSON object; exits with 1 and a reason where it cannot.
//   peer_jetstream PORT load FILE      publishes lines of category, aggregate, type and data, with tabs between them
//   peer_jetstream PORT replay         reads the stream from its beginning by an ordered consumer
#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { pendingMessages = 4096, waitMilliseconds = 60000 };

static jsCtx *stream;

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void must(natsStatus status, const char *what) {
    if (status == NATS_OK) return;
    printf("%s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static void connectTo(const char *port) {
    char url[64];
    snprintf(url, sizeof url, "nats://127.0.0.1:%s", port);
    natsConnection *connection;
    must(natsConnection_ConnectTo(&connection, url), "connect");
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = pendingMessages;
    must(natsConnection_JetStream(&stream, connection, &options), "JetStream");
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char *subjects[] = {"ev.>"};
    config.Name = "EV";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    must(js_AddStream(NULL, stream, &config, NULL, NULL), "add stream");
}

static uint64_t messages(void) {
    jsStreamInfo *info;
    must(js_GetStreamInfo(&info, stream, "EV", NULL, NULL), "stream info");
    uint64_t count = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return count;
}

static void load(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) must(NATS_ERR, path);
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
        line[length - 1] = 0;
        char *rest = line, *category = strsep(&rest, "\t"), *aggregate = strsep(&rest, "\t"), *type = strsep(&rest, "\t");
        if (!rest) must(NATS_ERR, "a line has too few fields");
        char subject[1024];
        snprintf(subject, sizeof subject, "ev.%s.%s.%s", category, aggregate, type);
        must(js_PublishAsync(stream, subject, rest, strlen(rest), NULL), "publish");
    }
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = waitMilliseconds;
    must(js_PublishAsyncComplete(stream, &options), "acknowledgements");
}

static void replay(uint64_t expected) {
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Ordered = true;
    natsSubscription *subscription;
    must(js_SubscribeSync(&subscription, stream, "ev.>", NULL, &options, NULL), "subscribe");
    must(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    for (uint64_t received = 0; received < expected; received++) {
        natsMsg *message;
        must(natsSubscription_NextMsg(&message, subscription, waitMilliseconds), "next message");
        natsMsg_Destroy(message);
    }
}

int main(int count, char **words) {
    int loads = count == 4 && !strcmp(words[2], "load"), replays = count == 3 && !strcmp(words[2], "replay");
    if (!loads && !replays) must(NATS_INVALID_ARG, "PORT load FILE | replay");
    connectTo(words[1]);
    uint64_t expected = messages();
    double begin = seconds();
    if (loads) load(words[3]);
    else replay(expected);
    double taken = seconds() - begin;
    printf("{\"events\": %llu, \"seconds\": %.6f}\n", (unsigned long long)messages(), taken);
}
