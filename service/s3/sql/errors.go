package sql

import "pileus/cloud"

// The codes and texts of S3 Select.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#SelectObjectContentErrorCodeList
var (
	errCast           = invalid("CastFailed", "Attempt to convert from one data type to another using CAST failed in the SQL expression.")
	errOverflow       = invalid("IntegerOverflow", "Integer overflow or underflow in the SQL expression.")
	errEvaluate       = invalid("ExternalEvalException", "The query cannot be evaluated. Check the file and try again.")
	errArgumentType   = invalid("IncorrectSqlFunctionArgumentType", "Incorrect type of arguments in function call in the SQL expression.")
	errArgumentCount  = invalid("EvaluatorInvalidArguments", "Incorrect number of arguments in the function call in the SQL expression.")
	errEscape         = invalid("EvaluatorLikePatternInvalidEscapeSequence", "Invalid argument given to the LIKE expression.")
	errLike           = invalid("LikeInvalidInputs", "Invalid argument given to the LIKE clause in the SQL expression.")
	errTimestamp      = invalid("ValueParseFailure", "Timestamp parse failure in the SQL expression.")
	errPattern        = invalid("EvaluatorInvalidTimestampFormatPattern", "Time stamp format pattern is invalid in the SQL expression.")
	errPatternSymbol  = invalid("EvaluatorInvalidTimestampFormatPatternSymbol", "Time stamp format pattern contains an invalid symbol in the SQL expression.")
	errPatternParse   = invalid("EvaluatorInvalidTimestampFormatPatternSymbolForParsing", "Time stamp format pattern contains a valid format symbol that cannot be applied to time stamp parsing in the SQL expression.")
	errPatternOpen    = invalid("EvaluatorUnterminatedTimestampFormatPatternToken", "Time stamp format pattern contains unterminated token in the SQL expression.")
	errAmbiguous      = invalid("AmbiguousFieldName", "Field name matches to multiple fields in the file. Check the SQL expression and the file, and try again.")
	errHeaders        = invalid("MissingHeaders", "Some headers in the query are missing from the file. Check the file and try again.")
	errKeyPath        = invalid("InvalidKeyPath", "Key path in the SQL expression is invalid.")
	errTooLong        = invalid("ExpressionTooLong", "The SQL expression is too long: The maximum byte-length for the SQL expression is 256 KB.")
	errTooComplex     = invalid("MaxOperatorsExceeded", "Failed to parse SQL expression, try reducing complexity. For example, reduce number of operators used.")
	errRecordTooLong  = invalid("OverMaxRecordSize", "The character number in one record is more than our max threshold, maxCharsPerRecord: 1,048,576")
	errCSV            = invalid("CSVParsingError", "Encountered an error parsing the CSV file. Check the file and try again.")
	errCSVQuote       = invalid("CSVUnescapedQuote", "Unescaped quote found while parsing CSV. To allow quoted record delimiters, set AllowQuotedRecordDelimiter to 'TRUE'.")
	errCSVDelimiter   = invalid("CSVEscapingRecordDelimiter", "Quoted record delimiter found in the file. To allow quoted record delimiters, set AllowQuotedRecordDelimiter to 'TRUE'.")
	errJSON           = invalid("JSONParsingError", "Encountered an error parsing the JSON file. Check the file and try again.")
	errStructure      = invalid("UnsupportedSqlStructure", "Encountered an unsupported SQL structure. Check the SQL Reference.")
	errSources        = invalid("MultipleDataSourcesUnsupported", "Multiple data sources are not supported.")
	errNegativeLimit  = invalid("EvaluatorNegativeLimit", "LIMIT must not be negative.")
	errUnsupportedRun = invalid("UnsupportedSqlOperation", "Encountered an unsupported SQL operation.")
)

func invalid(code, format string, a ...any) *cloud.Error {
	return cloud.Errorf(400, code, format, a...)
}

func errEncoding(at int64) *cloud.Error {
	return invalid("InvalidTextEncoding", "UTF-8 encoding is required. The text encoding error was found near byte %d.", at)
}
