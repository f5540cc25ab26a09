# `tandem simulate`, on populations that take seconds. Included by cli_tests.cmake.

set(_tiny simulate --seeds 2 --users 40 --days 20 --set items=40 --set warm_up_days=3)

tandem_cli_test("simulate --help names its options and every assumption" EXIT 0
                OUT "--users.*--days.*--set.*--seeds.*--seed.*--jobs.*--sweep.*--json.*--html.*mood_strength=0.8.*mail.max_pages=1.*Examples"
                ARGS simulate --help)
tandem_cli_test("simulate prints the survey's tables and the ratios" EXIT 0
                OUT "40 people over 20 days, 40 items on offer; 2 seeds.*Attention.*Random.*Batch.*Real-time.*Hybrid.*Oracle.*5.50 / 7.80 / 9.20.*Loyalty.*60.0 / 65.0 / 75.0.*Speed.*Throughput.*Cost.*Hybrid / .*1.67.*1.18"
                ARGS ${_tiny})
tandem_cli_test("simulate of one seed has no intervals" EXIT 0 OUT "1 seed\\..*1 run at a time.*taken a visit +-?[0-9.]+ +-?[0-9.]+\n"
                ARGS simulate --seeds 1 --jobs 1 --users 30 --days 8 --set items=30 --set warm_up_days=2)
tandem_cli_test("simulate writes JSON" EXIT 0
                OUT "^{.*\"seeds\": .\n +3,\n +4\n.*\"assumptions\".*\"items\": 40.*\"ctr\".*\"survey\".*0.055.*\"hybrid\".*\"by_seed\".*\"hybrid_minus_batch\".*\"weekly_ctr\".*}\n$"
                ERR "Attention" ARGS ${_tiny} --seed 3 --json -)
tandem_cli_test("simulate writes a page" EXIT 0 OUT "^<!doctype html>.*From the hybrid.*How long it takes.*mood_strength.*</html>\n$"
                ERR "Attention" ARGS ${_tiny} --html -)
tandem_cli_test("a page and JSON in one file is wrong usage" EXIT 2 ONE_LINE ERR "--html: names the same file as --json"
                ARGS simulate --json - --html -)
tandem_cli_test("simulate --sweep changes one assumption at a time" EXIT 0
                OUT "CTR where.*as asked for.*no moods.*few people.*taste is all, and stays"
                ARGS simulate --sweep --seeds 1 --users 20 --days 4 --set items=20 --set warm_up_days=0)

tandem_cli_test("simulate without a number is wrong usage" EXIT 2 ONE_LINE ERR "--set: 'days=soon' is not NAME=NUMBER" ARGS simulate --set days=soon)
tandem_cli_test("simulate of half an assignment is wrong usage" EXIT 2 ONE_LINE ERR "--set: 'days' is not NAME=NUMBER" ARGS simulate --set days)
tandem_cli_test("an assumption that is not there is wrong usage and lists those there are" EXIT 2 ONE_LINE
                ERR "'moods'.*choose from users.*mood_strength" ARGS simulate --set moods=1)
tandem_cli_test("an assumption out of its range is wrong usage" EXIT 2 ONE_LINE ERR "churn_a_day.*\\[0, 1\\]" ARGS simulate --set churn_a_day=2)
tandem_cli_test("half a person is wrong usage" EXIT 2 ONE_LINE ERR "--users: .*whole number" ARGS simulate --users 1.5)
tandem_cli_test("an assumption given twice is wrong usage" EXIT 2 ONE_LINE ERR "--set: days is given by --days too"
                ARGS simulate --days 3 --set days=4)
tandem_cli_test("no channel at all is wrong usage" EXIT 2 ONE_LINE ERR "web.share.*above 0"
                ARGS simulate --set web.share=0 --set mobile.share=0 --set mail.share=0)
tandem_cli_test("simulate --seeds 0 is wrong usage" EXIT 2 ONE_LINE ERR "--seeds" ARGS simulate --seeds 0)
tandem_cli_test("a simulation whose output cannot be written fails before the work" EXIT 1 ONE_LINE ERR "x.json.*cannot be written"
                ARGS simulate --json ${_logs}/no/such/folder/x.json)
