// QuickJS at work: compiles and runs work.js, which is compiled in, and prints what it returns.
//
// quickjs [ROUNDS]

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

static const char script[] = {
#embed "work.js"
    , 0};

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    JSValue global = JS_GetGlobalObject(context);
    JS_SetPropertyStr(context, global, "rounds", JS_NewInt32(context, rounds));
    JSValue result = JS_Eval(context, script, strlen(script), "work.js", JS_EVAL_TYPE_GLOBAL);
    int failed = JS_IsException(result);
    if (failed) result = JS_GetException(context);
    const char *text = JS_ToCString(context, result);
    fprintf(failed ? stderr : stdout, "%s\n", text);
    JS_FreeCString(context, text);
    JS_FreeValue(context, result);
    JS_FreeValue(context, global);
    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
    return failed;
}
