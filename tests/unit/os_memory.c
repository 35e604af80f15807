/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_memory.c: limits of control groups, as files in a mount namespace of our own say
 * them: a tmpfs lies over /sys/fs/cgroup, a file over /proc/self/cgroup. Skipped where no such
 * namespace can be made.
 */
#include "unit/unit.h"

#include "os/os.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define ROOT "/sys/fs/cgroup"
#define NONE UINT64_MAX

static char groups_file[] = "/tmp/hakmem-groups.XXXXXX";

/* ---- the namespace ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs(text, file);
    CHECK_EQ(fclose(file), 0);
}

static bool lay_file_over(const char *path, char *file)
{
    int fd = mkstemp(file);
    close(fd);
    return fd >= 0 && mount(file, path, NULL, MS_BIND, NULL) == 0;
}

/* Who is not root becomes root of a user namespace. */
static bool become_root(void)
{
    char user[32];
    char group[32];
    snprintf(user, sizeof(user), "0 %u 1", geteuid());
    snprintf(group, sizeof(group), "0 %u 1", getegid());
    if (geteuid() == 0)
        return true;
    if (unshare(CLONE_NEWUSER) != 0)
        return false;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", user);
    write_file("/proc/self/gid_map", group);
    return true;
}

static bool enter_namespace(void)
{
    return become_root() && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", ROOT, "tmpfs", 0, NULL) == 0 &&
           lay_file_over("/proc/self/cgroup", groups_file);
}

/* ---- a tree of groups ---- */

/* Purpose: one file below ROOT; its folders are made. */
struct file {
    const char *path;
    const char *text;
};

static void make_folders(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

/* Nothing but these files; groups is what /proc/self/cgroup says. */
static void lay_out(const char *groups, const struct file *files)
{
    CHECK_EQ(umount2(ROOT, MNT_DETACH), 0);
    CHECK_EQ(mount("none", ROOT, "tmpfs", 0, NULL), 0);
    write_file("/proc/self/cgroup", groups);
    for (; files->path; files++) {
        char path[1024];
        snprintf(path, sizeof(path), ROOT "/%s", files->path);
        make_folders(path);
        write_file(path, files->text);
    }
}

#define FILES(...)                                                                                 \
    (const struct file[])                                                                          \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define CHECK_LIMIT(groups, expected, ...)                                                         \
    do {                                                                                           \
        lay_out(groups, FILES(__VA_ARGS__));                                                       \
        CHECK_EQ(os_memory_limit(), expected);                                                     \
    } while (0)

/* ---- limits ---- */

static void test_version_2(void **state)
{
    (void)state;
    CHECK_LIMIT("0::/\n", 1000, {"memory.max", "1000\n"});
    CHECK_LIMIT("0::/\n", 900, {"memory.max", "1000\n"}, {"memory.high", "900\n"});
    CHECK_LIMIT("0::/\n", 1000, {"memory.max", "1000\n"}, {"memory.high", "max\n"});
    CHECK_LIMIT("0::/\n", NONE, {"memory.max", "max\n"}, {"memory.high", "max\n"});
    CHECK_LIMIT("0::/a/b\n", 500, {"a/b/memory.max", "500\n"}, {"a/memory.max", "800\n"});
    CHECK_LIMIT("0::/a/b\n", 300, {"a/b/memory.max", "500\n"}, {"a/memory.high", "300\n"});
    CHECK_LIMIT("0::/a/b\n", 200, {"a/b/memory.max", "max\n"}, {"memory.max", "200\n"});
    CHECK_LIMIT("0::/a/b\n", 0, {"a/b/memory.max", "0\n"});
    /* a group that is none of ours has the longer name */
    CHECK_LIMIT("0::/a\n", 700, {"a/memory.max", "700\n"}, {"ab/memory.max", "1\n"});
}

/* The group that the file names is not what is mounted: a container's own root is. */
static void test_namespaces(void **state)
{
    (void)state;
    CHECK_LIMIT("0::/docker/0123\n", 600, {"memory.max", "600\n"});
    CHECK_LIMIT("0::/../other\n", 600, {"memory.max", "600\n"});
    CHECK_LIMIT("0::/a (deleted)\n", 600, {"memory.max", "600\n"});
    CHECK_LIMIT("9:memory:/docker/0123\n0::/\n", 600, {"memory/memory.limit_in_bytes", "600\n"});
}

static void test_version_1(void **state)
{
    (void)state;
    CHECK_LIMIT("4:memory:/a/b\n0::/\n", 400, {"memory/a/b/memory.limit_in_bytes", "500\n"},
                {"memory/a/memory.limit_in_bytes", "400\n"},
                {"memory/memory.limit_in_bytes", "9223372036854771712\n"});
    CHECK_LIMIT("4:memory:/\n", NONE, {"memory/memory.limit_in_bytes", "9223372036854771712\n"});
    /* several controllers in one hierarchy, and names that only look like it */
    CHECK_LIMIT("5:cpuset,memory:/a\n", 500, {"memory/a/memory.limit_in_bytes", "500\n"},
                {"memory/b/memory.limit_in_bytes", "1\n"});
    CHECK_LIMIT("6:name=memory:/b\n5:memory_x:/b\n4:memory:/a\n", 500,
                {"memory/a/memory.limit_in_bytes", "500\n"},
                {"memory/b/memory.limit_in_bytes", "1\n"});
    /* the soft limit is what the group is sure of */
    CHECK_LIMIT("4:memory:/a\n", 500, {"memory/a/memory.limit_in_bytes", "500\n"},
                {"memory/a/memory.soft_limit_in_bytes", "100\n"});
    /* version 2 beside version 1 has the controller */
    CHECK_LIMIT("1:cpu:/\n0::/a\n", 500, {"unified/a/memory.max", "500\n"});
}

static void test_nothing_is_said(void **state)
{
    (void)state;
    CHECK_LIMIT("", NONE, {"memory.max", "1\n"});
    CHECK_LIMIT("0::\n", NONE, {"x", ""});
    CHECK_LIMIT("no colon\n0:one\n\n", NONE, {"memory.max", "1\n"});
    CHECK_LIMIT("0::/a\n", NONE, {"x", ""});
    static const char *const garbage[] = {
        "", "\n", "-1\n", "lots\n", "12 MiB\n", "1e6\n", "99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
        CHECK_LIMIT("0::/a\n", 800, {"a/memory.max", garbage[i]}, {"memory.max", "800\n"});
    CHECK_EQ(umount2("/proc/self/cgroup", MNT_DETACH), 0);
    CHECK_EQ(umount2(ROOT, MNT_DETACH), 0);
    CHECK_EQ(mount("none", ROOT, "tmpfs", 0, NULL), 0);
    CHECK_EQ(os_memory_limit(), NONE);
    CHECK_EQ(mount(groups_file, "/proc/self/cgroup", NULL, MS_BIND, NULL), 0);
}

/* A path that is too long for us (512 bytes) is no group. */
static void test_long_paths(void **state)
{
    char groups[1024] = "0::";
    (void)state;
    for (unsigned folders = 1; folders <= 80; folders++) {
        strcat(groups, "/0123456789");
        CHECK_LIMIT(groups, folders < 47 ? 700 : NONE, {"0123456789/memory.max", "700\n"});
    }
}

static void test_change(void **state)
{
    (void)state;
    CHECK_LIMIT("0::/a\n", 700, {"a/memory.max", "700\n"});
    write_file(ROOT "/a/memory.max", "400\n");
    CHECK_EQ(os_memory_limit(), 400);
    write_file(ROOT "/a/memory.max", "max\n");
    CHECK_EQ(os_memory_limit(), NONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_2),  cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_version_1),  cmocka_unit_test(test_nothing_is_said),
        cmocka_unit_test(test_long_paths), cmocka_unit_test(test_change),
    };
    int status = 77;
    if (enter_namespace())
        status = cmocka_run_group_tests(tests, NULL, NULL);
    else
        printf("SKIP: no mount namespace with files of our own: %s\n", strerror(errno));
    unlink(groups_file);
    return status;
}
