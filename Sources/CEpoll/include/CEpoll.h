// Owns: waiting for many descriptors at once, and for exact moments: epoll and timerfd, which Swift's Glibc leaves out.
// None of the system's types is named here, because they would hide those of Glibc from Swift.
#ifndef CEPOLL_H
#define CEPOLL_H

#include <stdbool.h>
#include <stdint.h>

struct cepoll_ready {
    uint64_t tag;
    bool can_read;   // or the peer has gone, or there is an error, which reading tells
    bool can_write;
};

// A new epoll instance; -1 and errno where there can be none.
int cepoll_create(void);

// Waits for `descriptor` to be readable, and with `writes` to be writable too. 0, or -1 and errno.
int cepoll_add(int epoll, int descriptor, uint64_t tag);
int cepoll_change(int epoll, int descriptor, uint64_t tag, bool writes);
int cepoll_remove(int epoll, int descriptor);

// Waits for the first to be ready, at most so long, for ever where it is -1. How many are, at most `capacity` and 256; -1
// and errno.
int cepoll_wait(int epoll, struct cepoll_ready *ready, int capacity, int milliseconds);

// A descriptor that becomes readable once a period of so many nanoseconds, more than none. -1 and errno.
int cepoll_metronome(uint64_t nanoseconds);

#endif
