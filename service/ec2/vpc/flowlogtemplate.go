package vpc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// getFlowLogsIntegrationTemplate writes a CloudFormation template to a bucket,
// as the caller: it makes a table of a flow log's files for Athena, and queries
// of it. Days are found by projection, so that nothing has to load partitions.
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-athena.html
func getFlowLogsIntegrationTemplate(c *cloud.Call, in *api.GetFlowLogsIntegrationTemplateInput) (*api.GetFlowLogsIntegrationTemplateOutput, error) {
	if len(in.IntegrateServices.AthenaIntegrations) == 0 {
		return nil, resource.Missing("IntegrateService.AthenaIntegration")
	}
	var l *FlowLog
	err := c.View(func(r store.Reader) (err error) {
		l, err = find(c, r, flowLogs, in.FlowLogId, noFlowLog)
		return err
	})
	if err != nil {
		return nil, err
	}
	if l.Hive || l.PerHour {
		return nil, resource.Unsupported("The files of '%s' lie in folders that templates of this cloud do not describe.", l.ID)
	}
	to, folder, err := folderOf(in.ConfigDeliveryS3DestinationArn)
	if err != nil {
		return nil, err
	}
	parts := map[string]any{}
	for _, a := range in.IntegrateServices.AthenaIntegrations {
		results, below, err := folderOf(a.IntegrationResultS3DestinationArn)
		if err != nil {
			return nil, err
		}
		if err := l.athena(c, parts, "s3://"+results+"/"+below); err != nil {
			return nil, err
		}
	}
	b, err := json.MarshalIndent(map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09", "Description": "Athena on the files of " + l.ID, "Resources": parts,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	key := folder + "VPCFlowLogsIntegrationTemplate_" + l.ID + "_" + c.Now.UTC().Format("20060102T150405Z") + ".yml" // JSON is YAML
	_, err = apis3.PutObject.Call(c, &apis3.PutObjectInput{Bucket: to, Key: key, Body: io.NopCloser(bytes.NewReader(b)), ContentLength: new(int64(len(b)))})
	if err != nil {
		return nil, err
	}
	return &api.GetFlowLogsIntegrationTemplateOutput{Result: new("https://" + to + ".s3." + c.Region + ".amazonaws.com/" + key)}, nil
}

// folderOf reads "arn:aws:s3:::bucket/folder/"; the folder ends with a slash
// where there is one.
func folderOf(arn string) (bucket, folder string, err error) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:s3:::")
	bucket, folder, _ = strings.Cut(rest, "/")
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	if !ok || bucket == "" {
		err = resource.Errorf("InvalidParameter", "'%s' is not the ARN of a bucket or of a folder in one", arn)
	}
	return bucket, folder, err
}

// athena adds the resources of one integration, whose answers go to results.
func (l *FlowLog) athena(c *cloud.Call, parts map[string]any, results string) error {
	names, err := parseFormat(cmp.Or(l.Format, defaultFormat))
	if err != nil {
		return err
	}
	wide := []string{"packets", "bytes", "start", "end"}
	var columns []map[string]string
	for _, n := range names {
		kind := "string"
		if slices.Contains(wide, n) {
			kind = "bigint"
		}
		columns = append(columns, map[string]string{"Name": strings.ReplaceAll(n, "-", "_"), "Type": kind})
	}
	bucket, folder := l.bucket()
	place := "s3://" + bucket + "/" + folder + "AWSLogs/" + l.Account + "/vpcflowlogs/" + l.Region + "/"
	name := strings.ReplaceAll(l.ID, "-", "")
	parts["Database"] = map[string]any{"Type": "AWS::Glue::Database", "Properties": map[string]any{
		"CatalogId": l.Account, "DatabaseInput": map[string]any{"Name": "vpcflowlogs" + name},
	}}
	parts["Table"] = map[string]any{"Type": "AWS::Glue::Table", "Properties": map[string]any{
		"CatalogId": l.Account, "DatabaseName": map[string]string{"Ref": "Database"}, "TableInput": map[string]any{
			"Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": []map[string]string{{"Name": "day", "Type": "string"}},
			"Parameters": map[string]string{
				"skip.header.line.count": "1", "projection.enabled": "true", "projection.day.type": "date", "projection.day.format": "yyyy/MM/dd",
				"projection.day.range": l.Made.UTC().Format("2006/01/02") + ",NOW", "storage.location.template": place + "${day}",
			},
			"StorageDescriptor": map[string]any{
				"Columns": columns, "Location": place, "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
				"OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
				"SerdeInfo":    map[string]any{"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "Parameters": map[string]string{"field.delim": " "}},
			},
		},
	}}
	group := "VPCFlowLogs" + name
	parts["WorkGroup"] = map[string]any{"Type": "AWS::Athena::WorkGroup", "Properties": map[string]any{
		"Name": group, "WorkGroupConfiguration": map[string]any{"ResultConfiguration": map[string]string{"OutputLocation": results}},
	}}
	if slices.Contains(names, "action") {
		parts["Rejected"] = map[string]any{"Type": "AWS::Athena::NamedQuery", "DependsOn": "WorkGroup", "Properties": map[string]any{
			"Name": "VpcFlowLogsRejectedTraffic", "Database": map[string]string{"Ref": "Database"}, "WorkGroup": group,
			"QueryString": "SELECT * FROM \"" + name + "\" WHERE action = 'REJECT' LIMIT 100",
		}}
	}
	return nil
}
