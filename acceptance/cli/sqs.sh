# shellcheck shell=bash
# aws sqs.

sqs_messages() {
  local url receipt
  url=$(aws sqs create-queue --queue-name jobs --attributes VisibilityTimeout=60 --query QueueUrl --output text)
  equal "$url" "$(aws sqs get-queue-url --queue-name jobs --query QueueUrl --output text)"
  aws sqs send-message --queue-url "$url" --message-body 'do it' \
    --message-attributes '{"who":{"DataType":"String","StringValue":"me"}}' | has "$(printf 'do it' | md5sum | cut -c1-32)"
  aws sqs receive-message --queue-url "$url" --message-attribute-names All --attribute-names All >got
  has '"Body": "do it"' <got
  has '"StringValue": "me"' <got
  has '"ApproximateReceiveCount": "1"' <got
  equal '' "$(aws sqs receive-message --queue-url "$url")" # it is in flight
  equal 1 "$(aws sqs get-queue-attributes --queue-url "$url" --attribute-names ApproximateNumberOfMessagesNotVisible --output text --query 'Attributes.*|[0]')"
  receipt=$(python3 -c 'import json; print(json.load(open("got"))["Messages"][0]["ReceiptHandle"])')
  aws sqs change-message-visibility --queue-url "$url" --receipt-handle "$receipt" --visibility-timeout 0
  receipt=$(aws sqs receive-message --queue-url "$url" --query 'Messages[0].ReceiptHandle' --output text)
  aws sqs delete-message --queue-url "$url" --receipt-handle "$receipt"
  aws sqs delete-queue --queue-url "$url"
  refused NonExistentQueue aws sqs get-queue-url --queue-name jobs
}
run_case 'sqs: send, receive, hide, delete' sqs_messages

sqs_batch() {
  local url
  url=$(aws sqs create-queue --queue-name batch --query QueueUrl --output text)
  aws sqs send-message-batch --queue-url "$url" --entries 'Id=a,MessageBody=1' 'Id=b,MessageBody=2' --query 'length(Successful)' --output text | has 2
  refused BatchEntryIdsNotDistinct aws sqs send-message-batch --queue-url "$url" --entries 'Id=a,MessageBody=1' 'Id=a,MessageBody=2'
  aws sqs receive-message --queue-url "$url" --max-number-of-messages 10 --wait-time-seconds 1 --query 'length(Messages)' --output text | has 2
  aws sqs purge-queue --queue-url "$url"
  aws sqs tag-queue --queue-url "$url" --tags team=blue
  equal blue "$(aws sqs list-queue-tags --queue-url "$url" --query Tags.team --output text)"
  aws sqs list-queues --queue-name-prefix bat | has "$url"
}
run_case 'sqs: batches, purge, tags' sqs_batch

sqs_dead_letters() {
  local dead url n
  dead=$(aws sqs create-queue --queue-name dead --query QueueUrl --output text)
  url=$(aws sqs create-queue --queue-name alive --query QueueUrl --output text --attributes \
    '{"VisibilityTimeout":"0","RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":\"2\"}"}')
  aws sqs send-message --queue-url "$url" --message-body poison >/dev/null
  for n in 1 2; do aws sqs receive-message --queue-url "$url" --query 'Messages[0].Body' --output text | has poison; done
  equal '' "$(aws sqs receive-message --queue-url "$url")"
  aws sqs receive-message --queue-url "$dead" --visibility-timeout 0 | has poison
  aws sqs list-dead-letter-source-queues --queue-url "$dead" | has "$url"
  aws sqs start-message-move-task --source-arn "arn:aws:sqs:us-east-1:$ACCOUNT:dead" | has TaskHandle
  moved() { aws sqs list-message-move-tasks --source-arn "arn:aws:sqs:us-east-1:$ACCOUNT:dead" | has COMPLETED; }
  eventually moved
  aws sqs receive-message --queue-url "$url" --wait-time-seconds 2 | has poison
}
run_case 'sqs: dead letters and their way back' sqs_dead_letters

sqs_fifo() {
  local url i
  refused InvalidParameterValue aws sqs create-queue --queue-name nofifo --attributes FifoQueue=true
  url=$(aws sqs create-queue --queue-name line.fifo --attributes FifoQueue=true,ContentBasedDeduplication=true --query QueueUrl --output text)
  refused MissingParameter aws sqs send-message --queue-url "$url" --message-body x
  for i in 1 2 2 3; do aws sqs send-message --queue-url "$url" --message-body "$i" --message-group-id g | has SequenceNumber; done
  equal '1 2 3' "$(aws sqs receive-message --queue-url "$url" --max-number-of-messages 10 --query 'Messages[].Body' --output text | tr '\t' ' ')"
}
run_case 'sqs: FIFO' sqs_fifo

sqs_from_s3() {
  local url
  url=$(aws sqs create-queue --queue-name events --query QueueUrl --output text)
  aws s3api create-bucket --bucket eventful >/dev/null
  cat >notify.json <<JSON
{"QueueConfigurations":[{"QueueArn":"arn:aws:sqs:us-east-1:$ACCOUNT:events","Events":["s3:ObjectCreated:*"]}]}
JSON
  refused 'Unable to validate the following destination configurations' \
    aws s3api put-bucket-notification-configuration --bucket eventful --notification-configuration file://notify.json
  cat >attributes.json <<JSON
{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Action\":\"sqs:SendMessage\",\"Resource\":\"*\",\"Condition\":{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:s3:::eventful\"}}}]}"}
JSON
  aws sqs set-queue-attributes --queue-url "$url" --attributes file://attributes.json
  aws s3api put-bucket-notification-configuration --bucket eventful --notification-configuration file://notify.json
  aws sqs receive-message --queue-url "$url" --wait-time-seconds 5 | has s3:TestEvent
  echo x | aws s3 cp - s3://eventful/some/key
  aws sqs receive-message --queue-url "$url" --wait-time-seconds 5 | has ObjectCreated:Put
}
run_case 'sqs: events of a bucket' sqs_from_s3
