/* SPDX-License-Identifier: MIT */
/* A C program that runs a plugin's plugin_run(). */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    void *plugin = count > 1 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*run)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin_run") : NULL;
    if (!run) {
        puts(dlerror());
        return 1;
    }
    int status = run();
    puts(status == 0 ? "caught" : "not caught");
    return status;
}
