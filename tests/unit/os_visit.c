/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_visit.c: a visit lasts until the other side hangs up, and is none where nobody
 * listens, where the path is too long, or where the call fails.
 */
#include "unit/unit.h"

#include "os/os.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    char path[64];
    int door;
    _Atomic bool has_hung_up;
} host;

static void *let_in(void *unused)
{
    int visitor = accept(host.door, NULL, NULL);
    CHECK(visitor >= 0);
    host.has_hung_up = true;
    close(visitor);
    return unused;
}

static void open_door(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(host.path, sizeof(host.path), "/tmp/os_visit.%d", (int)getpid());
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", host.path);
    unlink(host.path);
    host.door = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(host.door, (const struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(listen(host.door, 1), 0);
    host.has_hung_up = false;
}

static void close_door(void)
{
    close(host.door);
    unlink(host.path);
}

static void test_visit(void **state)
{
    pthread_t thread;
    (void)state;
    open_door();
    CHECK_EQ(pthread_create(&thread, NULL, let_in, NULL), 0);
    os_visit(host.path, 600);
    CHECK(host.has_hung_up);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    close_door();
}

/* Nobody answers: the visit ends with its time. */
static void test_time_is_over(void **state)
{
    (void)state;
    open_door();
    os_visit(host.path, 1);
    close_door();
}

static bool fail_visit(enum os_call call)
{
    return call == OS_CALL_VISIT;
}

static void test_nobody(void **state)
{
    char longer[400];
    (void)state;
    open_door();
    os_inject_failure = fail_visit;
    os_visit(host.path, 600);
    os_inject_failure = NULL;
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    os_visit(longer, 600);
    /* a socket whose owner has gone, and none at all */
    close(host.door);
    os_visit(host.path, 600);
    unlink(host.path);
    os_visit(host.path, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visit),
        cmocka_unit_test(test_time_is_over),
        cmocka_unit_test(test_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
