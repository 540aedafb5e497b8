// Owns: the system calls behind CEpoll.h.
#include "CEpoll.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CAPACITY = 256 };

int cepoll_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int cepoll_add(int epoll, int descriptor, uint64_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int cepoll_change(int epoll, int descriptor, uint64_t tag, bool writes) {
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.u64 = tag};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event);
}

int cepoll_remove(int epoll, int descriptor) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

int cepoll_wait(int epoll, struct cepoll_ready *ready, int capacity, int milliseconds) {
    struct epoll_event events[CAPACITY];
    int count = epoll_wait(epoll, events, capacity < CAPACITY ? capacity : CAPACITY, milliseconds);
    for (int index = 0; index < count; index++) {
        ready[index].tag = events[index].data.u64;
        ready[index].can_read = (events[index].events & ~(uint32_t)EPOLLOUT) != 0;
        ready[index].can_write = (events[index].events & EPOLLOUT) != 0;
    }
    return count;
}

int cepoll_metronome(uint64_t nanoseconds) {
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (descriptor < 0) {
        return -1;
    }
    struct timespec period = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    struct itimerspec setting = {.it_interval = period, .it_value = period};
    if (timerfd_settime(descriptor, 0, &setting, NULL) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}
